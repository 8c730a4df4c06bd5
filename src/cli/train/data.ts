/** The rows of a command, in arrays, or a source of them where there are many, as its model takes them. */
import type { LabelledRows } from '../../data/entry';
import type { Rows } from '../../data/open-table';
import { Moments } from '../../data/table/moments';
import type { TableSchema } from '../../data/table/schema';
import { FusorError } from '../../errors';
import {
  type ArrayLike,
  type EpochAt,
  type LossName,
  type Model,
  type NumericArray,
  ndarray,
  type RowStream,
  toCategorical,
} from '../../index';
import { elements } from '../../shape';
import { thousands } from '../output';

export const isOfClasses = (loss: LossName): boolean => loss.endsWith('Crossentropy');

/** What is trained to tell apart has classes; all else values. */
export function taskOf(model: Model): 'classification' | 'regression' | undefined {
  const kind = model.toJSON().compile?.loss.kind;
  return kind && (!isOfClasses(kind) && model.plan().output === 'linear' ? 'regression' : 'classification');
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

/** Mean and deviation of the values to predict; of a table those of the rows that train. Null where they say nothing. */
export function valuesOf(rows: Rows, schema?: TableSchema): { mean: number; deviation: number } | null {
  const { mean, deviation } = schema?.label ?? (isArrays(rows) ? momentsOf(rows.y.data) : {});
  return mean !== undefined && deviation ? { mean, deviation } : null;
}

function momentsOf(values: NumericArray): { mean: number; deviation: number } {
  const moments = new Moments(Float64Array.of(values[0]));
  moments.add(Float32Array.from(values));
  return { mean: moments.mean(0), deviation: moments.deviation(0) };
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

/** Labels in the form that the model's loss takes. @throws ERR_LABEL_RANGE */
export function targetsOf(model: Model, { y }: LabelledRows): ArrayLike {
  const outputs = elements(model.outputShape);
  if (model.toJSON().compile?.loss.kind === 'sparseCategoricalCrossentropy') return y;
  if (taskOf(model) === 'regression') return y;
  if (outputs === 1) return ndarray(Float32Array.from(y.data), [y.data.length, 1]);
  return toCategorical(y, outputs);
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
