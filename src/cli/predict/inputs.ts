/** What `predict` is given, one thing or several, as rows of x. */
import { basename, join } from 'node:path';
import { FusorError } from '../../errors';
import type { NDArray } from '../../index';
import type { Settings } from '../option';
import type { predict } from '../options';
import { type InputsWanted, type Part, partOf } from './part';

export interface Inputs {
  name: string;
  rows: number;
  /** What a row is called: its number, or the file of a picture. */
  nameOf(row: number): string;
  /** x, some rows at a time. */
  chunks: AsyncIterable<NDArray>;
  close(): Promise<void>;
}

/** @param names files, '-' for stdin, data sets @throws what the readers have against them */
export async function inputsOf(
  names: readonly string[],
  wanted: InputsWanted,
  settings: Settings<typeof predict>,
): Promise<Inputs> {
  if (names.filter((name) => name === '-').length > 1)
    throw new FusorError('ERR_ARG', ['stdin is named twice', '-', 'leave one of them out']);
  const parts: Part[] = [];
  const close = async () => {
    for (const part of parts) await part.close?.();
  };
  try {
    for (const name of names) parts.push(await partOf(name, wanted, settings));
    checkShapes(parts, names);
  } catch (error) {
    await close();
    throw error;
  }
  const all = parts.reduce((sum, { shape: [rows] }) => sum + rows, 0);
  const rows = Math.min(all, settings.limit ?? all);
  return {
    name: names.join(', '),
    rows,
    nameOf: namesOf(parts, names),
    chunks: chunksOf(parts, rows),
    close,
  };
}

function namesOf(parts: readonly Part[], names: readonly string[]): Inputs['nameOf'] {
  const isOne = parts.length === 1;
  // There may be many of them.
  if (isOne && !parts[0].files && !parts[0].isPicture) return String;
  const rows = parts.flatMap(({ shape: [count], files, isPicture }, i) => {
    const name = basename(names[i]);
    if (files) return isOne ? files : files.map((file) => join(name, file));
    if (isPicture || count === 1) return [name];
    return Array.from({ length: count }, (_, row) => `${name} ${row}`);
  });
  return (row) => rows[row];
}

function checkShapes(parts: readonly Part[], names: readonly string[]): void {
  const [first, ...shapes] = parts.map(({ shape }) => String(shape.slice(1)));
  const other = shapes.findIndex((shape) => shape !== first) + 1;
  if (other === 0) return;
  throw new FusorError('ERR_SHAPE', [
    `rows of the shape [${parts[other].shape.slice(1)}], those of ${names[0]} are [${first}]`,
    names[other],
    'predict them apart',
  ]);
}

/** The first rows of all parts. */
async function* chunksOf(parts: readonly Part[], rows: number): AsyncGenerator<NDArray> {
  const arrays = parts.flatMap(({ x }) => ('data' in x ? [x] : []));
  // Pictures one by one would be predicted so.
  const all = arrays.length === parts.length ? [joined(arrays)] : parts.map(({ x }) => x);
  let left = rows;
  for (const x of all)
    for await (const chunk of 'data' in x ? [x] : x) {
      if (left > 0) yield first(chunk, left);
      left -= chunk.shape[0];
    }
}

function joined(parts: readonly NDArray[]): NDArray {
  if (parts.length === 1) return parts[0];
  const bytes = parts.every(({ data }) => data[Symbol.toStringTag] === 'Uint8Array');
  const data = new (bytes ? Uint8Array : Float32Array)(
    parts.reduce((sum, part) => sum + part.data.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { data, shape: [parts.reduce((sum, part) => sum + part.shape[0], 0), ...parts[0].shape.slice(1)] };
}

function first({ data, shape }: NDArray, limit: number): NDArray {
  const rows = Math.min(limit, shape[0]);
  return { data: data.subarray(0, (data.length / shape[0]) * rows), shape: [rows, ...shape.slice(1)] };
}
