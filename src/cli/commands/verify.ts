import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDataset } from '../../data/datasets';
import { type ErrorCode, FusorError } from '../../errors';
import { type NDArray, slotsOf } from '../../index';
import type { Call, Run } from '../command';
import { interruptible } from '../interrupt';
import type { verify } from '../options';
import { buildModel, type Problem, targetsOf } from '../train/problem';
import { COMPARED_STEPS, differences, within } from '../verify/parity';
import { partingOf } from '../verify/parting';
import { faults, type Verified, verificationTable } from '../verify/report';
import type { Trace } from '../verify/trace-files';
import { type Failure, failed, type Job, type Tracer, wayTracer } from '../verify/tracers';
import { witnessTracers } from '../verify/witness';
import { everyWay, isExact, means, type Obstacle, wayOf } from '../ways';

export const run: Run<typeof verify> = async (call) => {
  const temp = mkdtempSync(join(tmpdir(), 'fusor-verify-'));
  try {
    return await interruptible((signal) => verifyIn(temp, call, signal));
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
};

async function verifyIn(temp: string, call: Call<typeof verify>, signal: AbortSignal): Promise<number> {
  const { settings, origins, out } = call;
  const seed = settings.seed ?? randomInt(2 ** 31);
  const anywhere = {
    backend: 'auto',
    device: 'auto',
    kernels: 'auto',
    precision: 'fp32',
    tfjsEngine: 'auto',
  } as const;
  const problem: Problem = {
    settings: { ...settings, ...anywhere, quiet: true },
    origins: { ...origins, backend: '', device: '', kernels: '', precision: '', tfjsEngine: '' },
  };
  // What is wrong with model or data is said here, once.
  const data = await loadDataset(settings.data, settings);
  const model = await buildModel(problem, data, seed);
  const plan = model.plan();
  const shapes = new Map((await model.getWeights()).map(({ shape }, i) => [model.weightNames[i], shape]));
  const weights = [...shapes].map(([name, shape]) => ({ name, size: shape.reduce((a, b) => a * b, 1) }));
  const slots = slotsOf(plan.optimizer).flatMap((slot) =>
    weights.map(({ name, size }) => ({ name: `${slot} of ${name}`, size })),
  );
  const job: Job = { problem, seed, weights, slots, temp };
  const { ways, obstacles } = await waysOf(call);
  const tracers = ways.map((way) => wayTracer(way, job));
  const y = targetsOf(model, data.train) as NDArray;
  const witnesses = await witnessTracers(settings, { job, model, x: data.train.x, y });

  const limit = settings.steps ?? Number.POSITIVE_INFINITY;
  const snapshots = [...new Set([...COMPARED_STEPS, limit])].filter(
    (step) => step <= limit && step < 2 ** 31,
  );
  const traces = new Map<Tracer, Trace | Failure>();
  for (const tracer of [...tracers, ...witnesses]) {
    out.note(`training on ${tracer.name} …`);
    traces.set(tracer, await tracer.trace({ snapshots, epoch: settings.steps === undefined }, signal));
  }
  const notRun = [...obstacles];
  const missing = [...traces.values()].find(
    (result) => failed(result) && result.code === 'ERR_BACKEND_UNAVAILABLE',
  );
  if (missing) throw failureOf(missing as Failure);
  for (const [tracer, result] of traces) {
    if (!failed(result) || result.code !== 'ERR_UNSUPPORTED') continue;
    notRun.push({ name: tracer.name, reason: result.message, cure: '' });
    traces.delete(tracer);
  }
  const trained = [...traces].flatMap(([tracer, trace]) => (failed(trace) ? [] : [{ tracer, trace }]));
  if (traces.size < 2) throw nothingToCompare(notRun);
  if (trained.length === 0) throw failureOf([...traces.values()][0] as Failure);
  const reference = trained.find(({ tracer }) => tracer.name === settings.reference) ?? mostAgreed(trained);
  const results: Verified[] = [];
  for (const [tracer, trace] of traces) {
    if (failed(trace)) {
      const none = { differences: null, parting: null, unrepeated: null, ranOn: '', ok: false };
      results.push({ name: tracer.name, note: tracer.note, ...none, error: trace.message });
      continue;
    }
    const isReference = tracer === reference.tracer;
    const parting = isReference ? null : await partingOf({ tracer, trace }, reference, shapes, signal);
    const { ranOn, unrepeated } = trace;
    const ok = !parting && unrepeated === null;
    const found = isReference ? null : differences(trace, reference.trace);
    results.push({
      ...{ name: tracer.name, note: tracer.note, ranOn },
      ...{ differences: found, parting, unrepeated, error: null, ok },
    });
  }
  const ok = results.every((result) => result.ok);
  const steps = reference.trace.losses.length;
  const document = {
    schema: 'fusor.verification',
    version: 1,
    ok,
    seed,
    steps,
    data: { name: data.name, rows: data.train.x.shape[0], sha256: data.sha256 },
    model: { layers: model.toJSON().layers, compile: model.toJSON().compile },
    batchSize: settings.batchSize,
    reference: reference.tracer.name,
    results,
    notRun,
  };
  out.result(document, () =>
    [
      `${data.name}, ${steps} steps of ${settings.batchSize} rows, ${plan.optimizer.kind}, seed ${seed}: relative differences`,
      '',
      verificationTable(results, reference.tracer.name),
      '',
      ...results
        .filter(({ error }) => !error)
        .map(({ name, ranOn, note }) => `${name}: ${[ranOn, note].filter(Boolean).join(' · ')}`),
      ...notRun.map(
        ({ name, reason, cure }) => `not run: ${[name, reason, cure].filter(Boolean).join(' · ')}`,
      ),
      '',
      ...faults(results, reference.tracer.name),
      ok ? `All ${results.length} are the same training.` : 'Not the same training.',
    ].join('\n'),
  );
  return ok ? 0 : 1;
}

/** What was asked for, or all there is. @throws ERR_ARG, ERR_BACKEND_UNAVAILABLE for a name that cannot be had */
async function waysOf({ settings, origins }: Call<typeof verify>) {
  const named = settings.backends.map((name) => wayOf(name, origins.backends));
  // Those that are named in full are tried without looking for others.
  if (named.length > 0 && named.every(isExact)) return { ways: named, obstacles: [] };
  const { usable, obstacles } = await everyWay();
  if (named.length === 0) return { ways: usable, obstacles };
  const ways = named.flatMap(({ name }) => {
    const meant = usable.filter((way) => means(name, way));
    if (meant.length > 0) return meant;
    const why = obstacles.map(({ name: other, reason }) => `${other}: ${reason}`).join('; ');
    throw new FusorError('ERR_BACKEND_UNAVAILABLE', [
      `${name} cannot be had`,
      why,
      "'fusor devices' lists what there is",
    ]);
  });
  return { ways: [...new Set(ways)], obstacles: [] };
}

/** The one that fewest of the others part from; the first among equals. */
function mostAgreed(trained: readonly { tracer: Tracer; trace: Trace }[]) {
  const apart = trained.map(
    ({ trace }) => trained.filter((other) => !within(differences(other.trace, trace))).length,
  );
  return trained[apart.indexOf(Math.min(...apart))];
}

/** Nobody could train: the reason is the problem's. */
function failureOf({ code, message }: Failure): Error {
  return code === 'ERR_INTERNAL' ? new Error(message) : new FusorError(code as ErrorCode, [message]);
}

function nothingToCompare(notRun: readonly Obstacle[]): FusorError {
  const why = notRun.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  return new FusorError('ERR_BACKEND_UNAVAILABLE', [
    'there is nothing to compare with: two trainings are needed',
    why,
    'name a witness (--against keras), or more of --backends',
  ]);
}
