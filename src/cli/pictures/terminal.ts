/** Curves in a terminal. */
import { plot } from 'asciichart';
import { thinned, tickText } from '../../report/curves';
import { type EpochRecord, metricsOf, spaced, valueIn } from '../../runs/epoch-records';
import { columns } from '../output';
import type { CurveName, PlottedRun } from './curves';

/** What is asked for of a run; nothing for fewer than two values. */
export function curvesOf(
  { epochs, stepLosses }: Omit<PlottedRun, 'name'>,
  what: readonly CurveName[],
): string {
  const metrics = metricsOf(epochs);
  const ofEpochs = (names: typeof metrics) =>
    names.map(({ name, validation }) => byEpoch(spaced(name), epochs, name, validation));
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
  const colour = usesColour();
  const legend = used.map(({ name }, i) => paint(name, i, colour));
  const rows = chart(
    used.map(({ values }) => values as readonly number[]),
    colour ? COLOURS : undefined,
  );
  if (used.length === 1) return `${title}\n${rows.text.join('\n')}`;
  // Without colour the curves are named where they end.
  if (!colour) for (const [i, { name }] of used.entries()) rows.text[rows.ends[i]] += ` ${name}`;
  return `${title}: ${legend.join(', ')}\n${rows.text.join('\n')}`;
}

const ROWS = 8;

/** @returns the lines, and the one at which each series ends */
export function chart(series: readonly (readonly number[])[], colours?: readonly string[]) {
  const all = series.flat();
  let [min, max] = all.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [all[0], all[0]]);
  // asciichart has no scale for what does not change, and makes one up.
  if (min === max) [min, max] = [min - (Math.abs(min) || 1) / 10, max + (Math.abs(max) || 1) / 10];
  const label = tickText(min, max, 5);
  const labels = Array.from({ length: ROWS + 1 }, (_, row) => label(max - (row * (max - min)) / ROWS));
  const wide = Math.max(...labels.map((text) => text.length));
  const width = Math.min(60, columns() - wide - 5);
  const drawn = plot(
    series.map((values) => stretch(values, width)),
    {
      height: ROWS,
      min,
      max,
      format: (_value: number, row: number) => labels[row].padStart(wide + 1),
      ...(colours && { colors: colours.slice(0, series.length) }),
    },
  );
  const ends = series.map((values) => Math.round(((max - values[values.length - 1]) / (max - min)) * ROWS));
  return { text: drawn.split('\n'), ends };
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

/** As many points as there are cells: straight between the values, or of many the one that stands out. */
function stretch(values: readonly number[], width: number): number[] {
  const last = values.length - 1;
  if (values.length > width)
    return Array.from({ length: width }, (_, cell) => outstanding(values, cell, width));
  return Array.from({ length: width }, (_, cell) => {
    const at = (cell / (width - 1)) * last;
    const left = Math.min(Math.floor(at), last - 1);
    return values[left] + (at - left) * (values[left + 1] - values[left]);
  });
}

function outstanding(values: readonly number[], cell: number, width: number): number {
  const [from, to] = [cell, cell + 1].map((end) => Math.floor((end * values.length) / width));
  const part = values.slice(from, to);
  const mean = part.reduce((sum, value) => sum + value, 0) / part.length;
  return part.reduce((most, value) => (Math.abs(value - mean) > Math.abs(most - mean) ? value : most));
}
