/** Whether the first row of a table names its columns. */
import { isText } from './cell';
import type { TableSchema } from './schema';

type Row = readonly string[];

/** Of rows as papaparse has them. */
export const isBlank = (row: Row): boolean => row.length === 1 && row[0].trim() === '';

/** A header names columns; the first row of a table without one is as the second. @param schema whose names are a header, whatever they look like */
export function hasHeader([first, second]: readonly Row[], schema?: TableSchema): boolean {
  if (schema && namesAll(first, schema)) return true;
  const differs = second && first.some((cell, i) => isText(cell) && !isText(second[i] ?? ''));
  return differs || first.every(isText);
}

/** Columns of a table without a header are called by their numbers, which may well be in a row. */
function namesAll(row: Row, { columns, label }: TableSchema): boolean {
  const names = new Set(row.map((cell) => cell.trim()));
  const isNumbered = [label, ...columns].every(({ name }) => /^\d+$/.test(name));
  return !isNumbered && columns.every(({ name }) => names.has(name));
}
