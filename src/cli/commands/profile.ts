import { accessSync, constants } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { benchEnvironment, ceilingsFor, type Wanted } from '../../bench/ceilings';
import { machine } from '../../bench/machine';
import type { Ceilings } from '../../bench/roofline';
import { FusorError, isFusorError, partsOf } from '../../errors';
import { writeAtomic } from '../../files/atomic';
import { readText } from '../../files/read-text';
import { ioError, systemCode } from '../../files/system-error';
import type { RuntimeInfo } from '../../index';
import { changesFrom, comparisonOf } from '../../profile/compare';
import { ceilingsOf, type ProfileDocument } from '../../profile/profile';
import { traceOf } from '../../profile/trace';
import { variantProfile } from '../../profile/variant';
import { chooseSeed } from '../../random';
import { version } from '../../version';
import type { Call, Run } from '../command';
import { interruptible } from '../interrupt';
import type { Settings } from '../option';
import type { profile } from '../options';
import type { Ready } from '../profile/child';
import { changesText, printed } from '../profile/print';
import { type Measured, measureEach } from '../profile/variants';
import { type Obstacle, type Way, wayOf } from '../ways';

/** What is profiled where nobody names anything, as far as it is there. */
const DEFAULT = ['native:fused', 'native:framework', 'tfjs'];

export const run: Run<typeof profile> = (call) => interruptible((signal) => profileAll(call, signal));

async function profileAll(call: Call<typeof profile>, signal: AbortSignal): Promise<number> {
  const { settings, out } = call;
  const before = settings.baseline === undefined ? undefined : readProfile(settings.baseline);
  for (const path of [settings.trace, settings.html]) checkPlace(path);
  const absent: Obstacle[] = [];
  const seed = settings.seed ?? chooseSeed();
  const checked = (ready: Ready) => {
    if (before) checkSameJob(before.job, jobOf(ready, settings, seed), settings.baseline!);
  };
  const measured = await measureAll(call, seed, signal, checked, absent);
  const wanted = measured.flatMap(({ done }) => limitOf(done.runtime));
  out.note('the ceilings of this machine …');
  const ceilings = await ceilingsFor(wanted, settings.freshCeilings).catch((error): Ceilings[] => {
    if (!isFusorError(error)) throw error;
    absent.push({ name: 'ceilings', reason: partsOf(error).what, cure: '' });
    return [];
  });
  if (settings.nvtx) out.note(nvtxNote(measured));
  const document = documentOf(call, measured, ceilings, absent, seed);
  const changes = before && changesFrom(before.variants, document.variants);
  const since = before && changes && { date: before.date, changes };
  if (settings.trace !== undefined)
    await writeAtomic(resolve(settings.trace), JSON.stringify(traceOf(recordedOf(measured))));
  if (settings.html !== undefined) {
    const { profilePage } = await import('../../profile/page.js');
    await writeAtomic(resolve(settings.html), profilePage(document, recordedOf(measured), since));
  }
  out.result(changes ? { ...document, since: before.date, changes } : document, () =>
    [printed(document), ...(before ? ['', changesText(before, document)] : [])].join('\n'),
  );
  return 0;
}

function measureAll(
  { settings, origins, out }: Call<typeof profile>,
  seed: number,
  signal: AbortSignal,
  ready: (ready: Ready) => void,
  absent: Obstacle[],
) {
  const asked = settings.variants.length > 0;
  const ways: Way[] = (asked ? [...new Set(settings.variants)] : DEFAULT).map((name) =>
    wayOf(name, origins.variants),
  );
  const { steps, warmup, rounds, epochs, nvtx } = settings;
  const anywhere = { backend: 'auto', kernels: 'auto', tfjsEngine: 'auto' } as const;
  const problem = { settings: { ...settings, ...anywhere }, origins };
  return measureEach(
    ways,
    { problem, seed, steps, warmup, rounds, epochs, nvtx },
    signal,
    (text) => out.note(text),
    ready,
    (obstacle, error) => {
      // What was asked for by name is never left out.
      if (asked || absent.length + 1 === ways.length) throw error;
      absent.push(obstacle);
      out.note(`${obstacle.name}: ${obstacle.reason}`);
    },
  );
}

function documentOf(
  { settings, argv }: Call<typeof profile>,
  measured: readonly Measured[],
  ceilings: Ceilings[],
  absent: Obstacle[],
  seed: number,
): ProfileDocument {
  const variants = measured.map(({ way, ready, rounds, done }) => {
    const { device, threads, kernels, precision } = done.runtime;
    const facts = {
      ranOn: done.ranOn,
      device,
      threads,
      ...(precision && { precision }),
      memory: done.memory,
      skipsZeros: /sparse/.test(kernels),
      keepsWeights: /cluster/.test(kernels),
      multipliesBytes: /tiles of bytes/.test(kernels),
      mayFuse: done.runtime.backend === 'native',
    };
    const roof = ceilingsOf({ device, threads, precision }, ceilings);
    const { plan, density } = ready;
    const counting = { plan, rows: settings.batchSize, inputBytes: density === null ? 4 : 1, density };
    return variantProfile(way.name, facts, rounds, roof, counting);
  });
  const [{ ready }] = measured;
  return {
    schema: 'fusor.profile',
    version: 1,
    command: ['fusor', ...argv].join(' '),
    date: new Date().toISOString(),
    fusor: version,
    machine: machine(benchEnvironment()),
    job: jobOf(ready, settings, seed),
    ceilings,
    variants,
    comparison: comparisonOf(
      variants,
      ready.plan.layers.map(({ name }) => name),
    ),
    absent,
  };
}

function jobOf(
  { data, net, parameters, density, plan }: Ready,
  { batchSize }: Settings<typeof profile>,
  seed: number,
): ProfileDocument['job'] {
  return { data, net, batchSize, optimizer: plan.optimizer.kind, seed, parameters, density };
}

/** What there is to hold it against: tfjs on a GPU tells the host's time only. */
function limitOf({ backend, device, deviceName, threads }: RuntimeInfo): Wanted[] {
  if (device === 'cpu') return [threads];
  return backend === 'native' && /^cuda:\d+$/.test(device) ? [{ device, name: deviceName }] : [];
}

function recordedOf(measured: readonly Measured[]) {
  return measured.flatMap(({ way, done }) =>
    done.recorded ? [{ name: way.name, recorded: done.recorded }] : [],
  );
}

/** Nsight shows what runs on a GPU. */
function nvtxNote(measured: readonly Measured[]): string {
  return measured.some(({ done }) => limitOf(done.runtime).some((limit) => typeof limit === 'object'))
    ? '--nvtx: phases are ranges while they are stamped, and their kernels launched one by one: run it under nsys profile'
    : '--nvtx: nothing here runs on an NVIDIA GPU, so Nsight has nothing to mark; --trace writes the same ranges for Perfetto';
}

/** Of a file to write: measuring takes minutes, so that it is looked at before. @throws ERR_IO */
function checkPlace(path: string | undefined): void {
  if (path === undefined) return;
  try {
    // The separator at its end: a file is no folder.
    accessSync(`${dirname(resolve(path))}${sep}`, constants.W_OK);
  } catch (error) {
    throw ioError(error, 'write', path);
  }
}

/** @throws ERR_FILE_FORMAT, ERR_IO */
function readProfile(path: string): ProfileDocument {
  let document: ProfileDocument;
  try {
    document = JSON.parse(readText(path));
  } catch (error) {
    if (systemCode(error)) throw ioError(error, 'read', path);
    throw new FusorError('ERR_FILE_FORMAT', ['not JSON', path, 'write it with npx fusor profile --json']);
  }
  if (
    document?.schema === 'fusor.profile' &&
    document.version === 1 &&
    document.job &&
    Array.isArray(document.variants) &&
    document.variants.every((variant) => variant?.name && variant.step && Array.isArray(variant.ops))
  )
    return document;
  throw new FusorError('ERR_FILE_FORMAT', ['not a profile', path, 'write it with npx fusor profile --json']);
}

/** What differs there makes other times. @throws ERR_ARG */
function checkSameJob(before: ProfileDocument['job'], now: ProfileDocument['job'], file: string): void {
  const keys = ['data', 'net', 'batchSize', 'optimizer'] as const;
  const differ = keys.filter((key) => before[key] !== now[key]);
  if (differ.length === 0) return;
  const text = differ.map((key) => `${key} ${before[key]} there, ${now[key]} here`).join('; ');
  throw new FusorError('ERR_ARG', [
    `the baseline is of another training: ${text}`,
    file,
    'profile the same one',
  ]);
}
