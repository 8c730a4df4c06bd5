/** The figures of runs side by side: one definition for the terminal and the page. */
import { decimals } from '../../report/number';
import { thousands } from '../output';
import type { ComparedRun } from './run';

export interface Column {
  title: string;
  value(run: ComparedRun): number | null;
  text(value: number): string;
  /** Which is better; absent: neither. */
  best?: 'least' | 'most';
  /** What has to be alike in all runs, that one can be the best. */
  among?: (run: ComparedRun) => unknown;
}

const dataOf = ({ document: { data } }: ComparedRun) => data.sha256;

/** Its layers, however they are called. */
export function netOf({ document: { model } }: ComparedRun): string {
  return JSON.stringify(model.layers, (key, value) => (key === 'name' ? undefined : value));
}

export const isSame = (runs: readonly ComparedRun[], of: (run: ComparedRun) => unknown): boolean =>
  new Set(runs.map(of)).size === 1;

const last = ({ document: { history } }: ComparedRun) => history.at(-1);

export const COLUMNS: readonly Column[] = [
  { title: 'loss', value: (run) => last(run)?.loss ?? null, text: decimals },
  { title: 'val loss', value: (run) => last(run)?.valLoss ?? null, text: decimals },
  {
    title: 'test loss',
    value: ({ document }) => document.test.loss,
    text: decimals,
    best: 'least',
    among: dataOf,
  },
  {
    title: 'test accuracy',
    value: ({ document }) => document.test.accuracy,
    text: (v) => `${(100 * v).toFixed(2)} %`,
    best: 'most',
    among: dataOf,
  },
  {
    title: 'epoch',
    value: ({ epochSeconds }) => epochSeconds,
    text: secondsText,
    best: 'least',
    among: (run) => `${netOf(run)} ${dataOf(run)} ${run.document.data.rows}`,
  },
  {
    title: 'step',
    value: ({ document }) => document.timing.stepMicroseconds,
    text: (v) => `${v < 100 ? v.toFixed(1) : thousands(Math.round(v))} µs`,
    best: 'least',
    among: (run) => `${netOf(run)} ${run.config.batchSize}`,
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
  if (seconds < 0.01) return `${(1000 * seconds).toPrecision(2)} ms`;
  return seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms` : `${seconds.toFixed(2)} s`;
}

export interface Figure {
  text: string;
  best: boolean;
}

/** One row a run, as text; the best of a column is marked where there are several different ones. */
export function figures(runs: readonly ComparedRun[]): Figure[][] {
  const columns = COLUMNS.map(({ value, text, best, among }) => {
    const values = runs.map(value);
    const texts = values.map((v) => (v === null ? '–' : text(v)));
    const known = values.filter((v) => v !== null);
    const winner = best === 'least' ? Math.min(...known) : best === 'most' ? Math.max(...known) : null;
    const tells = new Set(texts).size > 1 && (!among || isSame(runs, among));
    return texts.map((shown, i) => ({ text: shown, best: tells && winner !== null && values[i] === winner }));
  });
  return runs.map((_, i) => columns.map((column) => column[i]));
}
