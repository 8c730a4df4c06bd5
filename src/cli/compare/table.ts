/** The figures of runs side by side: one definition for the terminal and the page. */
import { thousands } from '../output';
import type { ComparedRun } from './run';

export interface Column {
  title: string;
  value(run: ComparedRun): number | null;
  text(value: number): string;
  /** Which is better; absent: neither. */
  best?: 'least' | 'most';
}

const last = ({ document: { history } }: ComparedRun) => history.at(-1);

export const COLUMNS: readonly Column[] = [
  { title: 'loss', value: (run) => last(run)?.loss ?? null, text: (v) => v.toFixed(4) },
  { title: 'val loss', value: (run) => last(run)?.valLoss ?? null, text: (v) => v.toFixed(4) },
  {
    title: 'test loss',
    value: ({ document }) => document.test.loss,
    text: (v) => v.toFixed(4),
    best: 'least',
  },
  {
    title: 'test accuracy',
    value: ({ document }) => document.test.accuracy,
    text: (v) => `${(100 * v).toFixed(2)} %`,
    best: 'most',
  },
  { title: 'epoch', value: ({ epochSeconds }) => epochSeconds, text: secondsText, best: 'least' },
  {
    title: 'step',
    value: ({ document }) => document.timing.stepMicroseconds,
    text: (v) => `${v < 100 ? v.toFixed(1) : thousands(Math.round(v))} µs`,
    best: 'least',
  },
  {
    title: 'peak memory',
    value: ({ peakBytes }) => peakBytes,
    text: (v) => `${(v / 2 ** 20).toFixed(0)} MiB`,
    best: 'least',
  },
  { title: 'start-up', value: ({ startupSeconds }) => startupSeconds, text: secondsText, best: 'least' },
];

function secondsText(seconds: number): string {
  return seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms` : `${seconds.toFixed(2)} s`;
}

export interface Figure {
  text: string;
  best: boolean;
}

/** One row a run, as text; the best of a column is marked where there are several different ones. */
export function figures(runs: readonly ComparedRun[]): Figure[][] {
  const columns = COLUMNS.map(({ value, text, best }) => {
    const values = runs.map(value);
    const texts = values.map((v) => (v === null ? '–' : text(v)));
    const known = values.filter((v) => v !== null);
    const winner = best === 'least' ? Math.min(...known) : best === 'most' ? Math.max(...known) : null;
    const tells = new Set(texts).size > 1;
    return texts.map((shown, i) => ({ text: shown, best: tells && winner !== null && values[i] === winner }));
  });
  return runs.map((_, i) => columns.map((column) => column[i]));
}
