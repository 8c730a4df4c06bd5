/** The data of a command: in arrays, or a source of rows where it is large. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isOwnFolder, loadDataset } from '../../data/datasets';
import type { LabelledRows } from '../../data/entry';
import type { OwnData, Rows } from '../../data/open-table';
import { isTableSchema } from '../../data/table/schema';
import { FusorError } from '../../errors';
import type { ArrayLike, EpochAt, Model, RowStream, TableSchema } from '../../index';
import { readText } from '../../io/read-text';
import { CONFIG_FILE, DATA_FILE } from '../../io/run-folder';
import { ioError, systemCode } from '../../io/system-error';
import { thousands } from '../output';
import { type Problem, targetsOf } from './problem';

/** @param validation the share to validate with, of a file of the user's own: chosen at random, the same of each class */
export async function loadProblem(
  { settings, origins }: Pick<Problem, 'settings' | 'origins'>,
  seed: number,
  validation = 0,
): Promise<OwnData> {
  const { testSplit: test, loss } = settings;
  const task =
    origins.loss === 'default' ? undefined : loss.startsWith('mean') ? 'regression' : 'classification';
  return loadDataset(settings.data, { ...settings, task, validation, test, seed });
}

/** What a run keeps of its data: of a table its columns, else the names of the classes, where there are. */
export interface KeptData {
  schema?: TableSchema;
  classNames?: readonly string[];
}

/** As the run's file has it. */
export function keptOf({ schema, classNames }: OwnData): object | undefined {
  return schema ?? (classNames && { classes: classNames });
}

/** Of a run's model: how data is to be taken for it. @throws ERR_IO, ERR_FILE_FORMAT */
export function keptBeside(model: string): KeptData {
  const path = resolve(model);
  const file = [path, join(path, '..'), join(path, '..', '..')]
    .map((folder) => join(folder, DATA_FILE))
    .find((candidate) => existsSync(candidate));
  if (!file) return {};
  const refuse = (what: string, cause?: unknown) =>
    new FusorError('ERR_FILE_FORMAT', [what, file, 'take it away, or train anew'], { file }, { cause });
  let kept: unknown;
  try {
    kept = JSON.parse(readText(file));
  } catch (cause) {
    if (systemCode(cause)) throw ioError(cause, 'read', file);
    throw refuse('no JSON', cause);
  }
  if (isTableSchema(kept)) return { schema: kept, classNames: kept.label.classes };
  const { classes } = Object(kept);
  if (Array.isArray(classes) && classes.every((name) => typeof name === 'string'))
    return { classNames: classes };
  throw refuse('neither the columns of a table nor names of classes');
}

/** Of a run's folder, what it was trained with; undefined of other models. @throws ERR_IO, ERR_FILE_FORMAT */
function settingOf(model: string, name: 'data' | 'missing'): string | undefined {
  const file = join(model, CONFIG_FILE);
  if (!existsSync(file)) return undefined;
  try {
    const value = Object(JSON.parse(readText(file)))[name];
    return typeof value === 'string' ? value : undefined;
  } catch (cause) {
    if (systemCode(cause)) throw ioError(cause, 'read', file);
    throw new FusorError('ERR_FILE_FORMAT', ['no JSON', file, 'take it away'], { file }, { cause });
  }
}

/** Empty numbers become the mean where they did in training, unless something else is said. */
export function missingFor<M extends string>(
  model: string,
  { missing }: { missing: M },
  origin: string,
): M | 'mean' {
  return origin === 'default' && settingOf(model, 'missing') === 'mean' ? 'mean' : missing;
}

/**
 * What a run's model is tried on where nothing is named: the set that it was trained on.
 * @throws ERR_ARG where that was the user's own data, of which a part trained
 */
export function dataFor(model: string, { data }: { data: string }, origin: string): string {
  const trained = origin === 'default' ? settingOf(model, 'data') : undefined;
  if (trained === undefined) return data;
  if (!isOwnFolder(trained)) return trained;
  throw new FusorError('ERR_ARG', [
    'what to try the model on is not said',
    model,
    `it was trained on ${trained}: name data of that form`,
  ]);
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
