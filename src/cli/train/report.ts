/** What a person sees at the end of a training run. */
import { plot } from 'asciichart';
import { APART, type EpochRecord, metricsOf } from '../../io/run-folder';
import { columns, table } from '../output';

/** One row an epoch, counted from 1; columns without values are left out. */
export function historyTable(epochs: readonly EpochRecord[]): string {
  const titles: Record<string, string> = {
    loss: 'loss',
    accuracy: 'accuracy',
    valLoss: 'val loss',
    valAccuracy: 'val accuracy',
  };
  const keys = Object.keys(epochs[0]).filter(
    (key) => !APART.includes(key) && epochs.some((record) => valueIn(record, key) !== null),
  );
  const head = ['epoch', ...keys.map((key) => titles[key] ?? key), 'seconds'];
  const rows = epochs.map((record) => [
    String(record.epoch + 1),
    ...keys.map((key) => valueIn(record, key)?.toFixed(4) ?? ''),
    record.seconds.toFixed(2),
  ]);
  return table(
    head,
    rows,
    head.map((_, i) => i),
  );
}

/** Loss and metrics over the epochs, in training and in validation; nothing for fewer than two epochs. */
export function curves(epochs: readonly EpochRecord[]): string {
  if (epochs.length < 2) return '';
  return [{ name: 'loss', validation: 'valLoss' }, ...metricsOf(epochs[0])]
    .map(({ name, validation }) => curve(name, epochs, name, validation))
    .filter(Boolean)
    .join('\n\n');
}

/** Cells that asciichart puts before the curve. */
const LABEL = 9;

function curve(title: string, epochs: readonly EpochRecord[], ...keys: string[]): string {
  const used = keys.filter((key) => epochs.every((record) => Number.isFinite(valueIn(record, key))));
  if (used.length === 0) return '';
  const width = Math.min(60, columns() - LABEL - 3);
  const colour = usesColour();
  const series = used.map((key) =>
    stretch(
      epochs.map((record) => valueIn(record, key)!),
      width,
    ),
  );
  const legend = used.map((key, i) => paint(key === keys[0] ? 'training' : 'validation', i, colour));
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

function valueIn(record: EpochRecord, key: string): number | null {
  return (record as unknown as Record<string, number | null>)[key] ?? null;
}
