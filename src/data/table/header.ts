/** Whether the first row of a table names its columns. */
import { isText } from './cell';
import type { TableSchema } from './schema';

type Row = readonly string[];

/** Of rows as papaparse has them. */
export const isBlank = (row: Row): boolean => row.length === 1 && row[0].trim() === '';

/** By what a header is known, whatever its names look like. */
export interface Named {
  /** Of a model that was trained on a table: a header has all its columns. */
  schema?: TableSchema;
  /** Columns that are asked for: a header has one of them. */
  wanted?: readonly string[];
}

/** A header names columns; the first row of a table without one is as the second. */
export function hasHeader([first, second]: readonly Row[], { schema, wanted = [] }: Named): boolean {
  if (schema && namesAll(first, schema)) return true;
  // Columns of a table without a header are called by their numbers, which may well be in a row.
  const isNumber = (name: string) => /^\d+$/.test(name) && Number(name) < first.length;
  if (first.some((cell) => wanted.includes(cell.trim()) && !isNumber(cell.trim()))) return true;
  const differs = second && first.some((cell, i) => isText(cell) && !isText(second[i] ?? ''));
  return differs || first.every(isText);
}

function namesAll(row: Row, { columns, label }: TableSchema): boolean {
  const names = new Set(row.map((cell) => cell.trim()));
  // Numbers that so many columns have are those of a table without a header; a year is a name.
  const most = Math.max(row.length, 2 * (columns.length + 1));
  const isNumbered = [label, ...columns].every(({ name }) => /^\d+$/.test(name) && Number(name) < most);
  return !isNumbered && columns.every(({ name }) => names.has(name));
}

/** A first line that names the separator, as spreadsheets write and read it: sep=; */
export function separatorLine(text: string): { delimiter: string; length: number } | undefined {
  const [line, delimiter] = /^sep=([\t -~])\r?\n/i.exec(text) ?? [];
  return line === undefined ? undefined : { delimiter, length: line.length };
}
