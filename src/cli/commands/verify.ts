import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oneOf } from '../../arguments';
import { FusorError } from '../../errors';
import { chooseSeed } from '../../random';
import type { Call, Run } from '../command';
import { interruptible } from '../interrupt';
import type { verify } from '../options';
import { prepare } from '../verify/job';
import { judge, referenceOf } from '../verify/judge';
import { COMPARED_STEPS } from '../verify/parity';
import { faults, verificationTable } from '../verify/report';
import { trainEach, wayTracer } from '../verify/tracers';
import { witnessTracers } from '../verify/witness';
import { everyWay, isExact, means, wayOf } from '../ways';

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
  const seed = settings.seed ?? chooseSeed();
  const { job, model, data, y } = await prepare(call, seed, temp);
  const { ways, obstacles } = await waysOf(call);
  const witnesses = await witnessTracers(settings, { job, model, x: data.train.x, y });
  const tracers = [...ways.map((way) => wayTracer(way, job)), ...witnesses];
  const names = tracers.map(({ name }) => name);
  if (settings.reference) oneOf(origins.reference, 'the value', settings.reference, names);

  const limit = settings.steps ?? Number.POSITIVE_INFINITY;
  const steps = [...COMPARED_STEPS.filter((step) => step < limit), settings.steps ?? []].flat();
  const plan = { snapshots: steps, epoch: settings.steps === undefined };
  const { traces, refused } = await trainEach(tracers, plan, signal, (name) =>
    out.note(`training on ${name} …`),
  );
  const reference = referenceOf(traces, settings.reference);
  const results = await judge(traces, reference, job.shapes, signal);
  const ok = results.every((result) => result.ok);
  const notRun = [...obstacles, ...refused];
  const { layers, compile } = model.toJSON();
  const document = {
    schema: 'fusor.verification',
    version: 1,
    ok,
    seed,
    steps: reference.trace.losses.length,
    data: { name: data.name, rows: data.train.x.shape[0], sha256: data.sha256 },
    model: { layers, compile },
    batchSize: settings.batchSize,
    reference: reference.tracer.name,
    results,
    notCompared: [...job.notCompared],
    notRun,
  };
  out.result(document, () =>
    [
      `${data.name}, ${document.steps} steps of ${settings.batchSize} rows, ${compile?.optimizer.kind}, seed ${seed}: relative differences`,
      '',
      verificationTable(results, document.reference),
      '',
      ...results.filter(({ error }) => !error).map(({ name, ranOn }) => `${name}: ${ranOn}`),
      ...notRun.map(
        ({ name, reason, cure }) => `not run: ${[name, reason, cure].filter(Boolean).join(' · ')}`,
      ),
      ...(job.notCompared.size > 0
        ? [
            `not compared: ${document.notCompared.join(', ')} · a batch normalisation takes the bias away again`,
          ]
        : []),
      '',
      ...faults(results, document.reference),
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
      "'npx fusor devices' lists what there is",
    ]);
  });
  return { ways: [...new Set(ways)], obstacles: [] };
}
