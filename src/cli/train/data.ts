/** The data of a command: in arrays, or a source of rows where it is large. */
import { loadDataset } from '../../data/datasets';
import type { LabelledRows } from '../../data/entry';
import type { OwnData, Rows } from '../../data/open-table';
import { FusorError } from '../../errors';
import type { ArrayLike, EpochAt, Model, RowStream } from '../../index';
import { thousands } from '../output';
import { type Problem, targetsOf } from './problem';

/** @param validation the share to validate with, of a file of the user's own: chosen at random, the same of each class */
export async function loadProblem(
  { settings }: Pick<Problem, 'settings'>,
  seed: number,
  validation = 0,
): Promise<OwnData> {
  const { testSplit: test, loss } = settings;
  const task = loss && (loss.startsWith('mean') ? 'regression' : 'classification');
  return loadDataset(settings.data, { ...settings, task, validation, test, seed });
}

/** What is trained to tell apart has classes; all else values. */
export function taskOf(model: Model): 'classification' | 'regression' | undefined {
  const kind = model.toJSON().compile?.loss.kind;
  return (
    kind && (kind.startsWith('mean') && model.plan().output === 'linear' ? 'regression' : 'classification')
  );
}

const isArrays = (rows: Rows): rows is LabelledRows => 'x' in rows;

export function rowsOf(rows: Rows): number {
  return isArrays(rows) ? rows.x.shape[0] : rows.rows;
}

export function inputShapeOf(rows: Rows): readonly number[] {
  return (isArrays(rows) ? rows.x.shape : rows.shape).slice(1);
}

/** Values a row. */
export function outputsOf(rows: Rows): number {
  return isArrays(rows) ? rows.y.data.length / rows.y.shape[0] : 1;
}

/** @throws ERR_ARG where they do not all lie in memory */
export function arraysOf(rows: Rows): LabelledRows {
  if (isArrays(rows)) return rows;
  throw new FusorError('ERR_ARG', [
    `${thousands(rows.rows)} rows are too many for this command`,
    '',
    'take a part of them: --limit',
  ]);
}

/** Rows whose labels have the form that the model's loss takes. */
export function withTargets(model: Model, rows: Rows): { x: ArrayLike; y: ArrayLike } | RowStream {
  if (isArrays(rows)) return { x: rows.x, y: targetsOf(model, rows) };
  async function* at(epoch: EpochAt) {
    for await (const chunk of (rows as RowStream).at(epoch)) {
      const { x, y } = chunk as LabelledRows;
      yield { x, y: targetsOf(model, { x, y }) };
    }
  }
  const first = { epoch: 0, seed: 0, shuffle: false };
  return { rows: rows.rows, fingerprint: rows.fingerprint, at, [Symbol.asyncIterator]: () => at(first) };
}
