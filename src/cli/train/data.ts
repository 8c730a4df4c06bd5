/** The data of a command: in arrays, or a source of rows where it is large. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadDataset } from '../../data/datasets';
import type { LabelledRows } from '../../data/entry';
import type { OwnData, Rows } from '../../data/open-table';
import { FusorError } from '../../errors';
import type { ArrayLike, EpochAt, Model, RowStream, TableSchema } from '../../index';
import { readText } from '../../io/read-text';
import { DATA_FILE } from '../../io/run-folder';
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

/** Of a model of a run that was trained on a table: how its columns are to be taken. @throws ERR_IO, ERR_FILE_FORMAT */
export function schemaBeside(model: string): TableSchema | undefined {
  const path = resolve(model);
  const file = [path, join(path, '..'), join(path, '..', '..')]
    .map((folder) => join(folder, DATA_FILE))
    .find((candidate) => existsSync(candidate));
  if (!file) return undefined;
  try {
    return JSON.parse(readText(file));
  } catch (cause) {
    if (systemCode(cause)) throw ioError(cause, 'read', file);
    const parts = ['no JSON', file, 'take it away, or train anew'] as const;
    throw new FusorError('ERR_FILE_FORMAT', parts, { file }, { cause });
  }
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

/** What a table was taken for, where nobody has said. */
export function described({ schema, train, validation, test, folder }: OwnData): string[] {
  if (!schema) return [];
  const { columns, label, scale } = schema;
  const categories = columns.filter(({ kind }) => kind === 'category').length;
  const kinds = [
    `${thousands(columns.length - categories)} numbers`,
    categories > 0 && `${categories} categories`,
  ];
  const how = { bytes: ', bytes / 255', standard: ', standardised', none: '' }[scale];
  const target = label.classes ? `${label.classes.length} classes` : 'a value';
  const counts = [train, validation, test].map((rows) => (rows ? thousands(rowsOf(rows)) : '0'));
  return [
    `${folder}: ${kinds.filter(Boolean).join(' and ')}${how}, to predict ${target}, "${label.name}"; rows to train, validate, test: ${counts.join(', ')}`,
  ];
}
