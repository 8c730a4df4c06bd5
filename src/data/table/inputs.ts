/** Rows without labels, for a model that was trained on a table: a few of them, from text that is in memory. */
import { FusorError } from '../../errors';
import type { NDArray } from '../ndarray';
import { isMissing, numberOf } from './cell';
import { isBlurred, type JsonCell, WRITE_AS_TEXT } from './layout';
import { expand, type TableColumn, type TableSchema, widthOf } from './schema';

/** What becomes of empty numbers: an error that names the option, the column's mean, or an error for who has no options. */
export type EmptyNumbers = 'error' | 'mean' | 'refuse';

export type TableRecord = ReadonlyMap<string, JsonCell>;

/**
 * x for rows of named cells; those that the model does not know are left alone, the label among them.
 * @param where names the row, for errors
 * @throws ERR_DATA_FORMAT, ERR_LABEL_RANGE for a category that was not there in training
 */
export function tableInputs(
  schema: TableSchema,
  records: readonly TableRecord[],
  where: (row: number) => string,
  missing: EmptyNumbers,
): NDArray {
  const { columns } = schema;
  const values = new Float32Array(records.length * columns.length);
  for (const [row, record] of records.entries())
    for (const [i, column] of columns.entries())
      values[row * columns.length + i] = numberIn(column, record.get(column.name), where(row), missing);
  return { data: expand(schema, values, records.length), shape: [records.length, widthOf(schema)] };
}

/**
 * x for rows of an array that has a number a column, in the order of the table's columns.
 * @param missing of NaN
 * @throws ERR_SHAPE, ERR_DATA_FORMAT
 */
export function arrayInputs(
  schema: TableSchema,
  { data, shape }: NDArray,
  where: string,
  missing: EmptyNumbers,
): NDArray {
  const { columns } = schema;
  const [rows, ...row] = shape;
  const names = columns.map(({ name }) => name);
  if (row.length !== 1 || row[0] !== columns.length)
    throw new FusorError('ERR_SHAPE', [
      `rows of the shape [${row}], the model's table has ${columns.length} columns`,
      where,
      `give them in their order: ${names.slice(0, 12).join(', ')}`,
    ]);
  const refuse = (what: string, at: string, mend: string) =>
    new FusorError('ERR_DATA_FORMAT', [what, at, mend]);
  const text = columns.find(({ kind }) => kind === 'category');
  if (text) throw refuse(`column "${text.name}" has categories, an array numbers`, where, 'give CSV or JSON');
  const values = data[Symbol.toStringTag] === 'Uint8Array' ? (data as Uint8Array) : new Float32Array(data);
  const bad = values.findIndex(
    (value) => !Number.isFinite(value) && !(Number.isNaN(value) && missing === 'mean'),
  );
  if (bad < 0) return { data: expand(schema, values, rows), shape: [rows, widthOf(schema)] };
  throw refuse(
    `${data[bad]} in column "${names[bad % row[0]]}"`,
    `${where}, row ${Math.floor(bad / row[0])}`,
    Number.isNaN(data[bad]) ? mendEmpty('a number', missing) : 'give finite numbers',
  );
}

function mendEmpty(what: string, missing: EmptyNumbers): string {
  return `give ${what}${missing === 'error' ? ', or take the mean: --missing mean' : ''}`;
}

function numberIn(
  column: TableColumn,
  cell: JsonCell | undefined,
  where: string,
  missing: EmptyNumbers,
): number {
  const refuse = (what: string, mend: string) => new FusorError('ERR_DATA_FORMAT', [what, where, mend]);
  const { name } = column;
  if (cell === undefined)
    throw refuse(`there is no column "${name}"`, 'name the columns as they were in training');
  const text = String(cell ?? '').trim();
  if (column.kind === 'category') {
    if (isBlurred(cell))
      throw refuse(`the number in column "${name}" is beyond 2^53, which JSON does not keep`, WRITE_AS_TEXT);
    const at = column.categories.indexOf(text);
    if (at >= 0) return at;
    const shown = column.categories.slice(0, 12).join(', ');
    throw new FusorError('ERR_LABEL_RANGE', [
      `"${text.slice(0, 40)}" in column "${name}" was not there in training`,
      where,
      `there were ${shown}`,
    ]);
  }
  if (isMissing(text)) {
    if (missing === 'mean') return Number.NaN;
    throw refuse(`no value in column "${name}"`, mendEmpty('one', missing));
  }
  const value = Math.fround(typeof cell === 'boolean' ? Number(cell) : numberOf(text));
  if (Number.isFinite(value)) return value;
  throw refuse(`"${text.slice(0, 40)}" in column "${name}" is no number`, 'mend it');
}
