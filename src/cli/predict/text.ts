/** Rows to predict from text: CSV, JSON, a JSON value a line. */
import { parse } from 'papaparse';
import { isText, numberOf, withPoints } from '../../data/table/cell';
import { hasHeader, separatorLine } from '../../data/table/header';
import { type EmptyNumbers, type TableRecord, tableInputs } from '../../data/table/inputs';
import { flatRow, type JsonCell } from '../../data/table/layout';
import type { TableSchema } from '../../data/table/schema';
import { FusorError, isFusorError, partsOf } from '../../errors';
import { type NDArray, type Nested, ndarray } from '../../index';
import { elements } from '../../shape';

/** What a model takes. */
export interface Wanted {
  inputShape: readonly number[];
  /** Of a model that was trained on a table. */
  schema?: TableSchema;
  missing: EmptyNumbers;
  /** Of CSV: ',' where commas between digits are decimal points. */
  decimal?: '.' | ',';
  /** Is told of a table with a header, where it is not known what the model makes of columns. */
  unknownColumns?: (file: string) => void;
}

/** @param name of the text, for errors @throws ERR_DATA_FORMAT, ERR_DATA_EMPTY, ERR_SHAPE, ERR_LABEL_RANGE */
export function textInputs(text: string, name: string, wanted: Wanted): NDArray {
  const bare = text.replace(/^\ufeff/, '');
  return /^\s*[[{]/.test(bare) ? jsonInputs(bare, name, wanted) : csvInputs(bare, name, wanted);
}

/** A list of rows, {"instances": [rows]} as a server takes it, or a row a line. */
function jsonInputs(text: string, name: string, wanted: Wanted): NDArray {
  const rows = rowsOf(text, name);
  // One row by itself.
  return rowInputs(rows.every((value) => typeof value === 'number') ? [rows] : rows, name, wanted);
}

/** Rows as JSON has them: lists of numbers, or, for a table, of its cells, or objects that name them. */
export function rowInputs(rows: readonly unknown[], name: string, wanted: Wanted): NDArray {
  if (rows.length === 0) throw new FusorError('ERR_DATA_EMPTY', ['no rows', name, 'give at least one']);
  const where = (row: number) => `${name}, row ${row + 1}`;
  if (rows.every((row) => typeof row === 'object' && row !== null && !Array.isArray(row))) {
    if (!wanted.schema)
      throw refuse(name, 'rows have names', 'the model knows no columns: give rows of numbers, [[…], …]');
    const records = rows.map((row, i) => flatRow(JSON.stringify(row), () => where(i)));
    return tableInputs(wanted.schema, records, where, wanted.missing);
  }
  if (rows.some((row) => Array.isArray(row)) && rows.some((row) => !Array.isArray(row)))
    throw refuse(name, 'some rows are lists, others are not', 'write all of them in one way');
  if (wanted.schema) return byOrder(rows, wanted.schema, where, wanted.missing);
  return shaped(nested(rows, name), name, wanted);
}

function nested(rows: readonly unknown[], name: string): NDArray {
  try {
    return ndarray.from(rows as Nested);
  } catch (error) {
    if (!isFusorError(error)) throw error;
    const { what, mend } = partsOf(error);
    throw refuse(name, what, mend || 'give all rows the same number of numbers');
  }
}

function rowsOf(text: string, name: string): unknown[] {
  try {
    const whole: unknown = JSON.parse(text);
    if (Array.isArray(whole)) return whole;
    const { instances = [whole] } = whole as { instances?: unknown };
    if (Array.isArray(instances)) return instances;
    throw refuse(name, 'instances is no list', 'write {"instances": [[…], …]}');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const lines = text.split('\n').filter((line) => line.trim());
    if (lines.length < 2)
      throw refuse(name, `no JSON (${error.message.slice(0, 80)})`, 'write a list of rows');
    return lines.map((line, i) => {
      try {
        return JSON.parse(line);
      } catch {
        throw refuse(`${name}, line ${i + 1}`, 'no JSON', 'write a list of rows, or a row a line');
      }
    });
  }
}

/** Cells in the order of the table's columns. */
function byOrder(
  rows: readonly unknown[],
  schema: TableSchema,
  where: (row: number) => string,
  missing: Wanted['missing'],
): NDArray {
  const names = schema.columns.map(({ name }) => name);
  const records = rows.map((row, i) => {
    if (!Array.isArray(row) || row.length !== names.length)
      throw refuse(
        where(i),
        `a row is a list of ${names.length} cells: ${names.slice(0, 12).join(', ')}`,
        'or give objects with these names',
      );
    return new Map<string, JsonCell>(row.map((cell, column) => [names[column], cell]));
  });
  return tableInputs(schema, records, where, missing);
}

function csvInputs(whole: string, name: string, wanted: Wanted): NDArray {
  const { delimiter, length = 0 } = separatorLine(whole) ?? {};
  const cut = whole.slice(length);
  const text =
    (wanted.decimal ?? wanted.schema?.decimal) === ',' ? withPoints(Buffer.from(cut)).toString() : cut;
  // By itself papaparse takes one line end for all; a CR that is left is trimmed with its cell.
  const newline = text.includes('\n') ? '\n' : '\r';
  const { data, errors } = parse<string[]>(text, { delimiter, newline, skipEmptyLines: 'greedy' });
  const broken = errors.find(({ type }) => type === 'Quotes');
  if (broken) throw refuse(name, broken.message.toLowerCase(), 'close the quotes');
  const { schema } = wanted;
  // Names of no schema say nothing: a row with but one cell of text is no header, then, but wrong.
  const isNamed = data.length > 0 && (schema ? hasHeader(data, { schema }) : data[0].every(isText));
  if (isNamed && !schema) wanted.unknownColumns?.(name);
  const rows = isNamed ? data.slice(1) : data;
  const where = (row: number) => `${name}, row ${row + 1}`;
  if (rows.length === 0) throw new FusorError('ERR_DATA_EMPTY', ['no rows', name, 'give at least one']);
  if (schema) {
    const named = isNamed ? data : numbered(rows, schema);
    if (named) return tableInputs(schema, recordsOf(named, where), where, wanted.missing);
    return byOrder(rows, schema, where, wanted.missing);
  }
  const numbers = rows.map((row, i) =>
    row.map((cell) => {
      const value = Math.fround(numberOf(cell));
      if (Number.isFinite(value)) return value;
      throw refuse(where(i), `"${cell.trim().slice(0, 40)}" is no number`, 'the model takes rows of numbers');
    }),
  );
  return shaped(ndarray.from(numbers), name, wanted);
}

function recordsOf([head, ...rows]: string[][], where: (row: number) => string): TableRecord[] {
  const names = head.map((name) => name.trim());
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw refuse(where(-1), `the column "${twice}" is there twice`, 'rename one');
  return rows.map((row, i) => {
    if (row.length === names.length) return new Map(row.map((cell, column) => [names[column], cell]));
    throw refuse(where(i), `${row.length} cells, the table has ${names.length} columns`, 'mend the row');
  });
}

/** Under a header, where the model's table had none and called its columns by their numbers, if all are there, the label too. */
function numbered(rows: string[][], { columns, label }: TableSchema): string[][] | undefined {
  const names = rows[0].map((_, column) => String(column));
  return [label, ...columns].every(({ name }) => names.includes(name)) ? [names, ...rows] : undefined;
}

/** Flat rows in the model's shape. */
function shaped({ data, shape }: NDArray, name: string, { inputShape }: Wanted): NDArray {
  const features = elements(inputShape);
  if (data.length === shape[0] * features) return ndarray(data, [shape[0], ...inputShape]);
  throw new FusorError('ERR_SHAPE', [
    `rows of the shape [${shape.slice(1)}], the model takes [${inputShape}]`,
    name,
    `give rows of ${features} numbers`,
  ]);
}

function refuse(where: string, what: string, mend: string): FusorError {
  return new FusorError('ERR_DATA_FORMAT', [what, where, mend]);
}
