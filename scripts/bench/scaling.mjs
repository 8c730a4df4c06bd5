#!/usr/bin/env node
// Time per step against work, for hidden widths from 32 to 4,096 and batches from 8 to 1,024, on MNIST's rows:
//   node scripts/bench/scaling.mjs [--repetitions 3] [--save]
// --save writes results/scaling.json and results/scaling.svg.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runMain } from '../lib/failure.mjs';
import { writeAtomically } from '../lib/files.mjs';
import { documentOf, fusorTrain, here, median, note } from './common.mjs';
import { plot } from './plot.mjs';

const HIDDEN = [32, 64, 128, 256, 512, 1024, 2048, 4096];
const BATCHES = [8, 16, 32, 64, 128, 256, 512, 1024];
// Work that a run may take, so that all take seconds: rows x weights.
const ROWS_X_WEIGHTS = 5e9;

/** Products of a 784-H-10 net's step, in floating-point operations; the input's gradient is not computed. */
export const flopsOf = (hidden, batch) => batch * (4 * 784 * hidden + 6 * hidden * 10);

async function measure(hidden, batch) {
  const weights = 784 * hidden + 10 * hidden;
  const rows = Math.min(48000, Math.max(20 * batch, Math.round(ROWS_X_WEIGHTS / weights)));
  const flags = { limit: rows, layers: hidden, 'batch-size': batch, epochs: 2, seed: 7, backend: 'native' };
  const words = Object.entries(flags).flatMap(([key, value]) => [`--${key}`, value]);
  return (await fusorTrain([...words, '--validation-split', 0])).timing.stepMicroseconds;
}

/**
 * The points of one series, and how much more time than work grew from its first point to its worst: at most 1 is
 * "no faster than work".
 */
export function growthOf(points) {
  const [first] = points;
  const growths = points.map(
    ({ flops, stepMicroseconds }) => stepMicroseconds / first.stepMicroseconds / (flops / first.flops),
  );
  return Math.max(...growths.slice(1));
}

export async function benchScaling({ repetitions = 3, save = false } = {}) {
  const series = {
    'hidden units, batch 32': HIDDEN.map((hidden) => ({ hidden, batch: 32 })),
    'batch, 128 hidden units': BATCHES.map((batch) => ({ hidden: 128, batch })),
  };
  const all = Object.values(series).flat();
  const samples = all.map(() => []);
  for (let i = 0; i < repetitions; i++) {
    for (const [at, { hidden, batch }] of all.entries()) {
      note(`scaling: round ${i + 1} of ${repetitions}, ${hidden} hidden units, batch ${batch}`);
      samples[at].push(await measure(hidden, batch));
    }
  }
  all.forEach((point, at) => {
    point.flops = flopsOf(point.hidden, point.batch);
    point.stepMicroseconds = median(samples[at]);
  });
  const figures = Object.entries(series).map(([name, points]) => ({
    name,
    points,
    growth: growthOf(points),
  }));
  if (save) writeAtomically(path.join(here, 'results', 'scaling.svg'), svgOf(figures));
  return documentOf(
    'scaling',
    `node scripts/bench/scaling.mjs --repetitions ${repetitions} --save`,
    { series: figures },
    save,
  );
}

const svgOf = (figures) =>
  plot({
    title: 'Time per step against work, 784-H-10, Adam',
    x: 'GFLOP a step',
    y: 'µs a step',
    series: figures.map(({ name, points }) => ({
      name,
      points: points.map(({ flops, stepMicroseconds }) => [flops / 1e9, stepMicroseconds]),
    })),
  });

await runMain(import.meta.url, async () => {
  const { values } = parseArgs({ options: { repetitions: { type: 'string' }, save: { type: 'boolean' } } });
  for (const { name, points, growth } of (await benchScaling(values)).series) {
    console.log(`${name}: time over work grew at most ${growth.toFixed(2)} times`);
    for (const { hidden, batch, flops, stepMicroseconds } of points)
      console.log(
        `  ${hidden}\t${batch}\t${(flops / 1e6).toFixed(1)} MFLOP\t${stepMicroseconds.toFixed(1)} us`,
      );
  }
  return 0;
});
