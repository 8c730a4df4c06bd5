/** One of the things that `predict` is given: a data set by name, a file by what it holds, or what comes on stdin. */
import { constants } from 'node:buffer';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isOwnFolder, loadDataset } from '../../data/datasets';
import { readIdx } from '../../data/idx';
import { isPictureName, pixelsOf } from '../../data/image-folder';
import { readNpy, readNpz } from '../../data/npy';
import { imagesToPredict } from '../../data/open';
import { openInputs } from '../../data/open-inputs';
import { arrayInputs } from '../../data/table/inputs';
import { type DataSource, type OpenedFile, openDataFile } from '../../data/unpack';
import { FusorError } from '../../errors';
import { type NDArray, ndarray } from '../../index';
import { bytesText, requireMemory } from '../../memory';
import { elements } from '../../shape';
import type { Settings } from '../option';
import type { predict } from '../options';
import { arraysOf } from '../train/data';
import { jsonInputs, shapeFor, type Wanted } from './json';
import { kindOfText } from './kind';

export type InputsWanted = Wanted & {
  /** Of CSV: ',' where commas between digits are decimal points; by default as the model's table. */
  decimal?: '.' | ',';
  /** Pictures are dark on light, the model's light on dark. */
  invert: boolean;
  /** Is told of a table with a header, where it is not known what the model makes of columns. */
  unknownColumns?: (file: string) => void;
};

export interface Part {
  shape: readonly number[];
  /** All rows, or, of a table, some at a time. */
  x: NDArray | AsyncIterable<NDArray>;
  /** Of a folder of pictures: their paths in it. */
  files?: readonly string[];
  /** It is the file of one. */
  isPicture?: boolean;
  /** Of a table. */
  close?(): Promise<void>;
}

/** Of stdin: more is better read from a file. */
const MOST_BYTES = 2 ** 30;

const arrayPart = (x: NDArray): Part => ({ shape: x.shape, x });

/** @throws what the readers have against it */
export async function partOf(
  name: string,
  wanted: InputsWanted,
  settings: Settings<typeof predict>,
): Promise<Part> {
  if (name === '-') return fileRows(name, wanted, settings);
  if (!isOwnFolder(name)) return arrayPart(await testRows(name, settings));
  if (!statSync(name, { throwIfNoEntry: false })?.isDirectory()) return fileRows(name, wanted, settings);
  const files = imagesToPredict(name).slice(0, settings.limit);
  if (files.length === 0) return arrayPart(await testRows(name, settings));
  const images = files.map((file) => ({ name: join(name, file), image: join(name, file) }));
  return { ...arrayPart(await pictures(images, wanted)), files };
}

async function testRows(name: string, settings: Settings<typeof predict>): Promise<NDArray> {
  const { test, train } = await loadDataset(name, settings);
  return arraysOf(test ?? train).x;
}

/** @param path of a file, '-' for stdin */
async function fileRows(
  path: string,
  wanted: InputsWanted,
  settings: Settings<typeof predict>,
): Promise<Part> {
  const source = path === '-' ? { name: 'stdin', bytes: await stdin() } : path;
  const opened = openDataFile(source);
  try {
    const { file: name, head, size, packed } = opened;
    const text = head.toString('latin1');
    const arrayOf = (x: NDArray) => arrayPart(arrayRows(x, name, wanted));
    if (text.startsWith('\x93NUMPY')) return arrayOf(readNpy(source));
    if (text.startsWith('PK\x03\x04')) return arrayOf(arrayIn(readNpz(source), name));
    if (head[0] === 0 && head[1] === 0) {
      const { data, shape } = readIdx(source, 'images');
      return arrayOf({ data, shape: shape.length === 3 ? [...shape, 1] : shape });
    }
    if (packed) throw unknown(name, 'gzip of no IDX file', 'unpack it first (gunzip)');
    if (size === 0) throw new FusorError('ERR_DATA_EMPTY', ['nothing in it', name, 'give at least one row']);
    if (PICTURE.test(text)) {
      const x = await pictures([{ name, image: opened.read(size) }], wanted);
      return { ...arrayPart(x), isPicture: path !== '-' };
    }
    if (isPictureName(name)) throw unknown(name, 'the image cannot be read', 'take another copy');
    const kind = await kindOfText(source, wanted.schema !== undefined);
    if (kind === undefined) throw unknownText(name);
    if (kind !== 'json') return await tableRows(source, name, kind, wanted, settings);
    return arrayPart(jsonInputs(wholeText(opened), name, wanted));
  } finally {
    opened.close();
  }
}

/** Read as one that trains. */
async function tableRows(
  source: DataSource,
  name: string,
  kind: 'csv' | 'jsonl',
  { schema, missing, decimal, inputShape, unknownColumns }: InputsWanted,
  { limit, dataDir }: Settings<typeof predict>,
): Promise<Part> {
  const table = await openInputs(source, kind, { schema, missing, decimal, limit, dataDir });
  const { rows, width, close } = table;
  try {
    const shape = shapeFor([rows, width], inputShape, name);
    if (table.hasHeader && !schema) unknownColumns?.(name);
    return { shape, x: inShape(table.chunks, inputShape), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function* inShape(
  chunks: AsyncIterable<NDArray>,
  inputShape: readonly number[],
): AsyncGenerator<NDArray> {
  for await (const { data, shape } of chunks) yield ndarray(data, [shape[0], ...inputShape]);
}

/** JSON, which is parsed whole. */
function wholeText({ file, size, read }: OpenedFile): string {
  const most = constants.MAX_STRING_LENGTH;
  if (size > most)
    throw new FusorError('ERR_OUT_OF_MEMORY', [
      `JSON of ${bytesText(size)}, at most ${bytesText(most)} can be read`,
      file,
      'give CSV, or for a table an object a line',
    ]);
  const text = read(size).toString('utf8');
  if (text.includes('\0') || text.includes('\ufffd')) throw unknownText(file);
  return text;
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

function unknown(where: string, what: string, mend: string): FusorError {
  return new FusorError('ERR_DATA_FORMAT', [what, where, mend], { file: where });
}

const unknownText = (where: string) =>
  unknown(where, 'what it holds is not known', 'give PNG, JPEG, CSV, JSON, .npy, .npz or IDX');
