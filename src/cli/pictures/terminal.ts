/** Curves in a terminal. */
import { plot } from 'asciichart';
import { thinned } from '../../report/curves';
import { type EpochRecord, metricsOf, valueIn } from '../../runs/epoch-records';
import { columns } from '../output';
import type { CurveName, PlottedRun } from './curves';

/** What is asked for of a run; nothing for fewer than two values. */
export function curvesOf(
  { epochs, stepLosses }: Omit<PlottedRun, 'name'>,
  what: readonly CurveName[],
): string {
  const metrics = metricsOf(epochs);
  const ofEpochs = (names: typeof metrics) =>
    names.map(({ name, validation }) => byEpoch(name, epochs, name, validation));
  const drawn: Record<CurveName, () => string[]> = {
    loss: () => ofEpochs([{ name: 'loss', validation: 'valLoss' }]),
    accuracy: () => ofEpochs(metrics.filter(({ name }) => name === 'accuracy')),
    metrics: () => ofEpochs(metrics.filter(({ name }) => name !== 'accuracy')),
    steps: () => [curve('loss by step', [{ name: 'training', values: stepValues(stepLosses) }])],
    time: () => [byEpoch('seconds an epoch', epochs, 'seconds')],
  };
  return what
    .flatMap((name) => drawn[name]())
    .filter(Boolean)
    .join('\n\n');
}

/** Means of neighbouring steps, as in a picture. */
function stepValues(losses: Float32Array | null): number[] {
  return losses ? thinned(losses).map(([, loss]) => loss) : [];
}

/** Cells that asciichart puts before the curve. */
const LABEL = 9;

interface Line {
  name: string;
  values: readonly (number | null)[];
}

/** @param keys of training and of validation */
function byEpoch(title: string, epochs: readonly EpochRecord[], ...keys: string[]): string {
  const lines = keys.map((key, i) => ({
    name: ['training', 'validation'][i],
    values: epochs.map((record) => valueIn(record, key)),
  }));
  return curve(title, lines);
}

function curve(title: string, lines: readonly Line[]): string {
  const used = lines.filter(({ values }) => values.length > 1 && values.every(Number.isFinite));
  if (used.length === 0) return '';
  const width = Math.min(60, columns() - LABEL - 3);
  const colour = usesColour();
  const series = used.map(({ values }) => stretch(values as readonly number[], width));
  const legend = used.map(({ name }, i) => paint(name, i, colour));
  const chart = plot(series, {
    height: 8,
    format: (value: number) => value.toFixed(4).padStart(LABEL - 2),
    ...(colour && { colors: COLOURS.slice(0, series.length) }),
  });
  return `${title}: ${legend.join(', ')}\n${chart}`;
}

/** Blue and yellow: apart for every eye. */
const COLOURS = ['\x1b[34m', '\x1b[33m'];

function paint(text: string, i: number, colour: boolean): string {
  return colour ? `${COLOURS[i]}${text}\x1b[0m` : text;
}

/** https://no-color.org: any value but the empty one. */
function usesColour(): boolean {
  return Boolean(process.stdout.isTTY) && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}

/** As many points as there are cells, straight between the values. */
function stretch(values: readonly number[], width: number): number[] {
  const last = values.length - 1;
  return Array.from({ length: width }, (_, cell) => {
    const at = (cell / (width - 1)) * last;
    const left = Math.min(Math.floor(at), last - 1);
    return values[left] + (at - left) * (values[left + 1] - values[left]);
  });
}
