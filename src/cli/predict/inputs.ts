/** What `predict` is given: a data set by name, files by what they hold, or what comes on stdin. */
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isOwnFolder, loadDataset } from '../../data/datasets';
import { readIdx } from '../../data/idx';
import { isPictureName, pixelsOf } from '../../data/image-folder';
import { readNpy, readNpz } from '../../data/npy';
import { imagesToPredict } from '../../data/open';
import { arrayInputs } from '../../data/table/inputs';
import { openDataFile } from '../../data/unpack';
import { FusorError } from '../../errors';
import type { NDArray } from '../../index';
import { requireMemory } from '../../memory';
import { elements } from '../../shape';
import type { Settings } from '../option';
import type { predict } from '../options';
import { arraysOf } from '../train/data';
import { textInputs, type Wanted } from './text';

export interface Inputs {
  name: string;
  x: NDArray;
  /** What each row is called: its number, or the file of a picture. */
  rows: readonly string[];
}

export type InputsWanted = Wanted & {
  /** Pictures are dark on light, the model's light on dark. */
  invert: boolean;
};

/** Of stdin: more is better read from a file. */
const MOST_BYTES = 2 ** 30;

/** @param names files, '-' for stdin, data sets @throws what the readers have against them */
export async function inputsOf(
  names: readonly string[],
  wanted: InputsWanted,
  settings: Settings<typeof predict>,
): Promise<Inputs> {
  if (names.filter((name) => name === '-').length > 1)
    throw new FusorError('ERR_ARG', ['stdin is named twice', '-', 'leave one of them out']);
  const parts: Part[] = [];
  for (const name of names) parts.push(await partOf(name, wanted, settings));
  const rows = parts.flatMap(({ x, files, isPicture }, i) => {
    const name = basename(names[i]);
    if (files) return names.length === 1 ? files : files.map((file) => join(name, file));
    if (isPicture && names[i] !== '-') return [name];
    const numbers = Array.from({ length: x.shape[0] }, (_, row) => String(row));
    if (names.length === 1) return numbers;
    return numbers.length === 1 ? [name] : numbers.map((row) => `${name} ${row}`);
  });
  const arrays = parts.map(({ x }) => x);
  const x = first(joined(arrays, names), settings.limit);
  return { name: names.join(', '), x, rows: rows.slice(0, x.shape[0]) };
}

interface Part {
  x: NDArray;
  /** Of a folder of pictures: their paths in it. */
  files?: readonly string[];
  /** It is one by itself. */
  isPicture?: boolean;
}

async function partOf(name: string, wanted: InputsWanted, settings: Settings<typeof predict>): Promise<Part> {
  if (name === '-') return fileRows(name, wanted);
  if (!isOwnFolder(name)) return { x: await testRows(name, settings) };
  if (!statSync(name, { throwIfNoEntry: false })?.isDirectory()) return fileRows(name, wanted);
  const files = imagesToPredict(name).slice(0, settings.limit);
  if (files.length === 0) return { x: await testRows(name, settings) };
  const images = files.map((file) => ({ name: join(name, file), image: join(name, file) }));
  return { x: await pictures(images, wanted), files };
}

async function testRows(name: string, settings: Settings<typeof predict>): Promise<NDArray> {
  const { test, train } = await loadDataset(name, settings);
  return arraysOf(test ?? train).x;
}

/** @param path of a file, '-' for stdin */
async function fileRows(path: string, wanted: InputsWanted): Promise<Part> {
  const source = path === '-' ? { name: 'stdin', bytes: await stdin() } : path;
  const opened = openDataFile(source);
  try {
    const { file: name, head, size, packed } = opened;
    const text = head.toString('latin1');
    if (text.startsWith('\x93NUMPY')) return { x: arrayRows(readNpy(source), name, wanted) };
    if (text.startsWith('PK\x03\x04')) return { x: arrayRows(arrayIn(readNpz(source), name), name, wanted) };
    if (head[0] === 0 && head[1] === 0) {
      const { data, shape } = readIdx(source, 'images');
      const images = { data, shape: shape.length === 3 ? [...shape, 1] : shape };
      return { x: arrayRows(images, name, wanted) };
    }
    if (packed) throw unknown(name, 'gzip of no IDX file', 'unpack it first (gunzip)');
    return await bytesRows(opened.read(size), name, wanted);
  } finally {
    opened.close();
  }
}

/** Of a model that was trained on a table, as its columns were. */
function arrayRows(rows: NDArray, name: string, { schema, missing }: InputsWanted): NDArray {
  return schema ? arrayInputs(schema, rows, name, missing) : rows;
}

function arrayIn(arrays: Map<string, NDArray>, file: string): NDArray {
  const found = arrays.get('x_test') ?? arrays.get('x') ?? arrays.get('X');
  if (found) return found;
  const names = [...arrays.keys()].slice(0, 8).join(', ');
  throw unknown(file, `no x or x_test, but ${names}`, 'save the rows as x');
}

/** PNG, JPEG, GIF, TIFF, and what else is in a RIFF (WebP) or an ISO file (AVIF). */
const PICTURE = /^(\x89PNG|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|RIFF....WEBP|....ftypavif)/s;

async function bytesRows(bytes: Buffer, name: string, wanted: InputsWanted): Promise<Part> {
  if (bytes.length === 0)
    throw new FusorError('ERR_DATA_EMPTY', ['nothing in it', name, 'give at least one row']);
  if (PICTURE.test(bytes.toString('latin1', 0, 16)))
    return { x: await pictures([{ name, image: bytes }], wanted), isPicture: true };
  if (isPictureName(name)) throw unknown(name, 'the image cannot be read', 'take another copy');
  const text = bytes.toString('utf8');
  if (!text.includes('\0') && !text.includes('\ufffd')) return { x: textInputs(text, name, wanted) };
  throw unknown(name, 'what it holds is not known', 'give PNG, JPEG, CSV, JSON, .npy, .npz or IDX');
}

/** Brought to the shape that the model takes. */
async function pictures(
  images: readonly { name: string; image: string | Buffer }[],
  { inputShape, invert }: InputsWanted,
): Promise<NDArray> {
  const where = images[0].name;
  if (inputShape.length !== 3 || ![1, 3].includes(inputShape[2])) {
    const mend = 'give CSV or JSON; pictures are for inputs of [height, width, 1 or 3]';
    throw new FusorError('ERR_SHAPE', [`a picture, the model takes [${inputShape}]`, where, mend]);
  }
  const size = elements(inputShape);
  requireMemory(images.length * size, 'the images', where, 'take fewer (--limit)');
  const data = new Uint8Array(images.length * size);
  for (const [row, { name, image }] of images.entries()) {
    // What is drawn dark on nothing is drawn dark on light.
    const pixels = await pixelsOf(image, name, inputShape, invert ? 'white' : 'black');
    data.set(invert ? pixels.map((value) => 255 - value) : pixels, row * size);
  }
  return { data, shape: [images.length, ...inputShape] };
}

async function stdin(): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of process.stdin) {
    size += part.length;
    if (size > MOST_BYTES)
      throw new FusorError('ERR_OUT_OF_MEMORY', [`more than ${MOST_BYTES} bytes`, 'stdin', 'name a file']);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function joined(parts: readonly NDArray[], names: readonly string[]): NDArray {
  if (parts.length === 1) return parts[0];
  const shape = parts[0].shape.slice(1);
  const other = parts.findIndex((part) => String(part.shape.slice(1)) !== String(shape));
  if (other >= 0)
    throw new FusorError('ERR_SHAPE', [
      `rows of the shape [${parts[other].shape.slice(1)}], those of ${names[0]} are [${shape}]`,
      names[other],
      'predict them apart',
    ]);
  const bytes = parts.every(({ data }) => data[Symbol.toStringTag] === 'Uint8Array');
  const data = new (bytes ? Uint8Array : Float32Array)(
    parts.reduce((sum, part) => sum + part.data.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { data, shape: [parts.reduce((sum, part) => sum + part.shape[0], 0), ...shape] };
}

function first({ data, shape }: NDArray, limit = Number.POSITIVE_INFINITY): NDArray {
  const rows = Math.min(limit, shape[0]);
  return { data: data.subarray(0, (data.length / shape[0]) * rows), shape: [rows, ...shape.slice(1)] };
}

function unknown(where: string, what: string, mend: string): FusorError {
  return new FusorError('ERR_DATA_FORMAT', [what, where, mend], { file: where });
}
