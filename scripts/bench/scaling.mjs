#!/usr/bin/env node
// Time per step against work, for hidden widths from 32 to 4,096 and batches from 8 to 1,024, on MNIST's rows:
//   node scripts/bench/scaling.mjs [--repetitions 3] [--save]
// --save writes results/scaling.json and results/scaling.svg.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { drawing } from '../../dist/cli/pictures/curves.js';
import { svgFile } from '../../dist/report/svg.js';
import { runMain } from '../lib/failure.mjs';
import { writeAtomically } from '../lib/files.mjs';
import { documentOf, fusorTrain, here, median, note } from './common.mjs';

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

async function benchScaling({ repetitions = 3, save = false } = {}) {
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
  if (save) writeAtomically(path.join(here, 'results', 'scaling.svg'), pictureOf(figures));
  return documentOf(
    'scaling',
    `node scripts/bench/scaling.mjs --repetitions ${repetitions} --save`,
    { series: figures },
    save,
  );
}

/** The series on logarithmic axes, each with a dashed line of time that grows as work does. */
export function pictureOf(series) {
  const lines = series.map(({ points }) =>
    points.map(({ flops, stepMicroseconds }) => [flops / 1e9, stepMicroseconds]),
  );
  const [right, top] = [0, 1].map((axis) => Math.max(...lines.flat().map((place) => place[axis])));
  const curves = lines.flatMap((points, i) => {
    const [[x, y]] = points;
    const times = Math.min(right / x, top / y);
    const asWork = [points[0], [x * times, y * times]];
    return [
      { series: i, points },
      { series: i, points: asWork, dashed: true },
    ];
  });
  const figure = {
    title: 'Time per step against work, 784-H-10, Adam',
    note: 'µs a step · dashed: as fast as work grows',
    legend: series.map(({ name }) => name),
    curves,
    x: 'GFLOP a step',
    logX: true,
    logY: true,
  };
  return svgFile(drawing(figure, 640));
}

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
