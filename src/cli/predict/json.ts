/** Rows to predict from JSON. */
import { type EmptyNumbers, tableInputs } from '../../data/table/inputs';
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
}

/**
 * A list of rows, {"instances": [rows]} as a server takes it, or a row a line.
 * @param name of the text, for errors
 * @throws ERR_DATA_FORMAT, ERR_DATA_EMPTY, ERR_SHAPE, ERR_LABEL_RANGE
 */
export function jsonInputs(text: string, name: string, wanted: Wanted): NDArray {
  const rows = rowsOf(text.replace(/^\ufeff/, ''), name);
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
  const { data, shape } = nested(rows, name);
  return ndarray(data, shapeFor(shape, wanted.inputShape, name));
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
    const lines = text.split('\n');
    if (lines.filter((line) => line.trim()).length < 2)
      throw refuse(name, `no JSON (${error.message.slice(0, 80)})`, 'write a list of rows');
    return lines.flatMap((line, i) => {
      try {
        return line.trim() ? [JSON.parse(line)] : [];
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

/** What rows of that shape become for the model. @throws ERR_SHAPE unless they have as many numbers */
export function shapeFor(
  [rows, ...row]: readonly number[],
  inputShape: readonly number[],
  name: string,
): number[] {
  const features = elements(inputShape);
  if (elements(row) === features) return [rows, ...inputShape];
  throw new FusorError('ERR_SHAPE', [
    `rows of the shape [${row}], the model takes [${inputShape}]`,
    name,
    `give rows of ${features} numbers`,
  ]);
}

function refuse(where: string, what: string, mend: string): FusorError {
  return new FusorError('ERR_DATA_FORMAT', [what, where, mend]);
}
