/** What a person sees at the end of a training run. */
import { APART, type EpochRecord, valueIn } from '../../runs/epoch-records';
import { table } from '../output';

/** One row an epoch, counted from 1; columns without values are left out. */
export function historyTable(epochs: readonly EpochRecord[]): string {
  const keys = Object.keys(epochs[0]).filter(
    (key) => !APART.includes(key) && epochs.some((record) => valueIn(record, key) !== null),
  );
  const head = ['epoch', ...keys.map(titleOf), 'seconds'];
  const rows = epochs.map((record) => [
    String(record.epoch + 1),
    ...keys.map((key) => shown(key, valueIn(record, key))),
    record.seconds.toFixed(2),
  ]);
  return table(
    head,
    rows,
    head.map((_, i) => i),
  );
}

/** valLoss → val loss. */
const titleOf = (key: string) =>
  key === 'learningRate'
    ? 'learning rate'
    : key.replace(/^val([A-Z])/, (_, letter: string) => `val ${letter.toLowerCase()}`);

function shown(key: string, value: number | null): string {
  if (value === null) return '';
  return key === 'learningRate' ? value.toExponential(2) : value.toFixed(4);
}
