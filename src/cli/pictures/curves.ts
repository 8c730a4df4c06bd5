/** The curves of runs, laid over each other: what a run's report and `fusor plot` show. */

import { type Curves, drawn, heightOf, legendOf, thinned } from '../../report/curves';
import { type Drawing, framed } from '../../report/svg';
import { type EpochRecord, metricsOf, spaced, valueIn } from '../../runs/epoch-records';

export interface PlottedRun {
  name: string;
  epochs: readonly EpochRecord[];
  stepLosses: Float32Array | null;
}

/** @param keys of training and of validation; undefined where no run has them */
function byEpoch(
  title: string,
  runs: readonly PlottedRun[],
  ...keys: (keyof EpochRecord)[]
): Curves | undefined {
  const curves = keys.flatMap((key, validation) =>
    runs.map(({ epochs }, series) => ({
      series,
      dashed: validation === 1,
      points: epochs.flatMap((record): [number, number][] => {
        const value = record[key];
        return typeof value === 'number' ? [[record.epoch + 1, value]] : [];
      }),
    })),
  );
  const shown = curves.filter(({ points }) => points.length > 0);
  if (shown.length === 0) return undefined;
  const [sole, both] = [
    shown.every(({ points }) => points.length === 1),
    shown.some(({ dashed }) => dashed) && shown.some(({ dashed }) => !dashed),
  ];
  const signs = sole ? 'dot: training, ring: validation' : 'solid: training, dashed: validation';
  return {
    title,
    note: both ? `by epoch · ${signs}` : 'by epoch',
    legend: runs.map(({ name }) => name),
    curves: shown,
    x: 'epoch',
    nested: runs.length > 1 ? 2 : 0,
  };
}

function bySteps(runs: readonly PlottedRun[]): Curves | undefined {
  const curves = runs.flatMap(({ stepLosses }, series) =>
    stepLosses && stepLosses.length > 1 ? [{ series, points: thinned(stepLosses) }] : [],
  );
  if (curves.length === 0) return undefined;
  const meant = curves.some(({ series, points }) => points.length < runs[series].stepLosses!.length);
  const note = meant ? 'means of neighbouring steps' : 'every step';
  const legend = runs.map(({ name }) => name);
  return { title: 'Loss by step', note, legend, curves, x: 'step', logY: true, wide: true };
}

/** Of the metrics that runs have, in the order in which they come; the accuracy has its own curve. */
function byMetric(runs: readonly PlottedRun[]): Record<string, Curves | undefined> {
  const metrics = runs.flatMap(({ epochs }) => metricsOf(epochs));
  const others = metrics.filter(({ name }) => name !== 'accuracy');
  return Object.fromEntries(
    others.map(({ name, validation }) => [
      name,
      byEpoch(spaced(name), runs, ...([name, validation] as (keyof EpochRecord)[])),
    ]),
  );
}

const validationIn = (runs: readonly PlottedRun[]) =>
  runs.some(({ epochs }) => epochs.some((record) => valueIn(record, 'valLoss') !== null))
    ? ', validation included'
    : '';

/** By the names that pictures have. */
type Figures = Record<string, Curves | undefined>;

const CURVES = {
  loss: (runs): Figures => ({ loss: byEpoch('Loss', runs, 'loss', 'valLoss') }),
  accuracy: (runs): Figures => ({ accuracy: byEpoch('Accuracy', runs, 'accuracy', 'valAccuracy') }),
  metrics: byMetric,
  steps: (runs): Figures => ({ steps: bySteps(runs) }),
  time: (runs): Figures => ({ time: byEpoch(`Seconds an epoch${validationIn(runs)}`, runs, 'seconds') }),
} as const satisfies Record<string, (runs: readonly PlottedRun[]) => Figures>;

export type CurveName = keyof typeof CURVES;
const CURVE_NAMES = Object.keys(CURVES) as CurveName[];

/** Those that there is something to draw for. */
export function figuresOf(
  runs: readonly PlottedRun[],
  names: readonly CurveName[] = CURVE_NAMES,
): { name: string; figure: Curves }[] {
  return names.flatMap((each) =>
    Object.entries(CURVES[each](runs)).flatMap(([name, figure]) => (figure ? [{ name, figure }] : [])),
  );
}

export function drawing(curves: Curves, width = 560): Drawing {
  const { title: name, note } = curves;
  const picture = { name, width, height: heightOf(curves, width), body: drawn(curves, width) };
  return framed(name, note, picture, legendOf(curves));
}
