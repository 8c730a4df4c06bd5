/**
 * Arrays of numpy (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): .npy, and .npz, a zip of them.
 * Objects, which are pickles, are never read.
 */
import { FusorError, isFusorError, partsOf } from '../errors';
import { unzip } from '../files/zip';
import { elements } from '../shape';
import type { NDArray, NumericArray } from './ndarray';
import { type DataSource, nameOf, readPlain } from './unpack';

/** How many times its own size an archive may become. */
const MOST_EXPANSION = 1000;

const HEADER =
  /^\{\s*'descr':\s*'([^']{1,8})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d, ]*)\),?\s*\}\s*$/;

type Reader = (view: DataView, at: number) => number;

/** By numpy's name: bytes of an element, and how it is read. What is not bool, uint8, int32 or float becomes float32. */
const TYPES: Record<string, [size: number, read: Reader, make: (length: number) => NumericArray]> = {
  '|u1': [1, (view, at) => view.getUint8(at), (length) => new Uint8Array(length)],
  '|b1': [1, (view, at) => Number(view.getUint8(at) !== 0), (length) => new Uint8Array(length)],
  '|i1': [1, (view, at) => view.getInt8(at), (length) => new Int32Array(length)],
  '<i2': [2, (view, at) => view.getInt16(at, true), (length) => new Int32Array(length)],
  '<u2': [2, (view, at) => view.getUint16(at, true), (length) => new Int32Array(length)],
  '<i4': [4, (view, at) => view.getInt32(at, true), (length) => new Int32Array(length)],
  '<u4': [4, (view, at) => view.getUint32(at, true), (length) => new Float64Array(length)],
  '<i8': [8, (view, at) => Number(view.getBigInt64(at, true)), (length) => new Float64Array(length)],
  '<u8': [8, (view, at) => Number(view.getBigUint64(at, true)), (length) => new Float64Array(length)],
  '<f4': [4, (view, at) => view.getFloat32(at, true), (length) => new Float32Array(length)],
  '<f8': [8, (view, at) => view.getFloat64(at, true), (length) => new Float64Array(length)],
};

/** @throws ERR_DATA_FORMAT, ERR_DATA_DTYPE, ERR_DATA_TRUNCATED, ERR_DATA_EMPTY, ERR_DATA_MISSING, ERR_IO */
export function readNpy(source: DataSource): NDArray {
  return decodeNpy(readPlain(source, 'arrays of numpy'), nameOf(source));
}

/** All arrays of the archive by name. @throws as {@link readNpy} */
export function readNpz(source: DataSource): Map<string, NDArray> {
  const bytes = readPlain(source, 'arrays of numpy');
  const file = nameOf(source);
  let members: Map<string, Uint8Array>;
  try {
    members = unzip(bytes, file, (name) => name.endsWith('.npy'), MOST_EXPANSION);
  } catch (error) {
    if (!isFusorError(error)) throw error;
    throw new FusorError(
      'ERR_DATA_FORMAT',
      [partsOf(error).what, file, 'save it anew, uncompressed (np.savez)'],
      { file },
      { cause: error },
    );
  }
  const arrays = [...members].map(
    ([name, data]) => [name.slice(0, -4), decodeNpy(data, `${file}, ${name.slice(0, 60)}`)] as const,
  );
  if (arrays.length === 0)
    throw new FusorError(
      'ERR_DATA_EMPTY',
      ['the archive holds no arrays', file, 'save x and y in it (np.savez)'],
      { file },
    );
  return new Map(arrays);
}

/** One array, of a file or of a member of an archive. @param where for errors @throws as {@link readNpy} */
export function decodeNpy(bytes: Uint8Array, where: string): NDArray {
  const refuse = (
    code: 'ERR_DATA_FORMAT' | 'ERR_DATA_DTYPE' | 'ERR_DATA_TRUNCATED' | 'ERR_DATA_EMPTY',
    what: string,
    mend: string,
  ) => new FusorError(code, [what, where, mend], { file: where });
  const text = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString('latin1');
  if (bytes.length < 12)
    throw refuse(
      'ERR_DATA_TRUNCATED',
      `the header needs 12 bytes, got ${bytes.length}`,
      'save it anew (np.save)',
    );
  if (text(0, 6) !== '\x93NUMPY')
    throw refuse('ERR_DATA_FORMAT', 'no array of numpy', 'save it with np.save');
  if (bytes[6] < 1 || bytes[6] > 3)
    throw refuse('ERR_DATA_FORMAT', `version ${bytes[6]} of numpy's files`, 'save it anew (np.save)');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begin = bytes[6] === 1 ? 10 : 12;
  const end = begin + (bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (end > bytes.length)
    throw refuse(
      'ERR_DATA_TRUNCATED',
      `the header ends at ${end}, the file has ${bytes.length} bytes`,
      'save it anew (np.save)',
    );
  const header = HEADER.exec(text(begin, Math.min(end, begin + 4096)));
  if (!header) throw refuse('ERR_DATA_FORMAT', 'its header is none of numpy', 'save it anew (np.save)');
  const [, descr, order, sizes] = header;
  if (!Object.hasOwn(TYPES, descr)) {
    const objects = descr.includes('O');
    throw refuse(
      'ERR_DATA_DTYPE',
      objects ? 'its elements are objects: pickles, which can run code' : `elements are of type ${descr}`,
      cureOf(descr),
    );
  }
  const shape = sizes
    .split(',')
    .map((size) => size.trim())
    .filter(Boolean)
    .map(Number);
  const count = elements(shape);
  const [size, read, make] = TYPES[descr];
  if (count === 0)
    throw refuse('ERR_DATA_EMPTY', `no elements: the shape is [${shape}]`, 'give at least one row');
  if (bytes.length - end !== count * size)
    throw refuse(
      'ERR_DATA_TRUNCATED',
      `its shape [${shape}] needs ${count * size} bytes, it has ${bytes.length - end}`,
      'save it anew (np.save)',
    );
  const data = make(count);
  if (descr === '|u1') data.set(bytes.subarray(end));
  else for (let i = 0; i < count; i++) data[i] = read(view, end + i * size);
  return { data: order === 'True' ? rowMajor(data, shape, make) : data, shape };
}

/** What makes numbers of elements of a type: numpy refuses to convert names, and drops the imaginary parts. */
function cureOf(descr: string): string {
  if (descr.includes('c')) return 'split them: np.stack([x.real, x.imag], axis=-1)';
  const numbers = 'convert them with .astype("float32")';
  return /[USO]/.test(descr)
    ? `${numbers} where they are numbers; number names: np.unique(names, return_inverse=True)[1]`
    : numbers;
}

function rowMajor(
  data: NumericArray,
  shape: readonly number[],
  make: (length: number) => NumericArray,
): NumericArray {
  const out = make(data.length);
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    let at = 0;
    for (let axis = 0; axis < shape.length; axis++) at = at * shape[axis] + index[axis];
    out[at] = data[i];
    // The first axis runs fastest.
    for (let axis = 0; axis < shape.length && ++index[axis] === shape[axis]; axis++) index[axis] = 0;
  }
  return out;
}
