import { isSharedArrayBuffer, isTypedArray } from 'node:util/types';
import { integer, reading, show, wrong } from '../arguments';
import { FusorError } from '../errors';
import { elements } from '../shape';

/** Element types that data may have. Whatever is not Uint8Array is computed as float32. */
export type NumericArray = Uint8Array | Int32Array | Float32Array | Float64Array;

/** Numbers with a shape, row-major. The data is shared, never copied. */
export interface NDArray<T extends NumericArray = NumericArray> {
  readonly data: T;
  readonly shape: readonly number[];
}

/** Numbers in nested arrays, all of one shape. */
export type Nested = readonly (number | Nested)[];

/** What functions take where an array is wanted; a bare typed array has the shape [length]. */
export type ArrayLike = NDArray | NumericArray | Nested;

const KINDS = ['Uint8Array', 'Int32Array', 'Float32Array', 'Float64Array'];

/** Whether `value` is a typed array of a supported kind, from whichever realm (jest and addons have their own). */
function isNumericArray(value: unknown): value is NumericArray {
  return isTypedArray(value) && KINDS.includes(value[Symbol.toStringTag]);
}

/**
 * An array of a shape.
 * @param data row-major; kept, not copied
 * @param shape sizes, outermost first, e.g. [60000, 28, 28, 1]
 * @throws ERR_ARG for another kind of data, ERR_SHAPE when the sizes do not multiply to data.length
 */
export function ndarray<T extends NumericArray>(data: T, shape: readonly number[]): NDArray<T> {
  return reading('ndarray', () => checked(data, shape));
}

function checked<T extends NumericArray>(data: T, shape: readonly number[]): NDArray<T> {
  if (!isNumericArray(data)) throw wrong('ndarray', 'data', data, `one of ${KINDS.join(', ')}`);
  if (!Array.isArray(shape)) throw wrong('ndarray', 'shape', shape, 'an array of sizes');
  for (const size of shape) integer('ndarray', 'a size of the shape', size, { min: 0, max: 2 ** 53 - 1 });
  const expected = elements(shape);
  if (expected !== data.length)
    throw new FusorError(
      'ERR_SHAPE',
      [`shape [${shape}] needs ${expected} elements, got ${data.length}`, 'ndarray'],
      { shape: [...shape], expected, received: data.length },
    );
  return { data, shape: Object.freeze([...shape]) };
}

/** From nested arrays of numbers: `ndarray.from([[1, 2], [3, 4]])` is float32 of shape [2, 2]. */
ndarray.from = (nested: Nested): NDArray<Float32Array> =>
  reading('ndarray.from', () => fromNested(nested, 'ndarray.from', ''));

/** @param name what the user calls it, for the error; may be empty */
function fromNested(nested: Nested, where: string, name: string): NDArray<Float32Array> {
  const of = name && `${name}, `;
  const shape: number[] = [];
  for (let level: unknown = nested; Array.isArray(level); level = level[0]) {
    // Depth is bounded so that a cyclic array is an error, not a hang.
    if (shape.length === 16) throw wrong(where, `${of}depth`, '> 16', 'at most 16');
    shape.push(level.length);
  }
  const data = new Float32Array(elements(shape));
  let next = 0;
  /** Where the walk is. Spelt out for an error only: for each element it would take longer than all the rest. */
  const at: number[] = [];
  const path = (depth: number) =>
    at
      .slice(0, depth)
      .map((i) => `[${i}]`)
      .join('');
  const fill = (level: unknown, depth: number): void => {
    if (!Array.isArray(level) || level.length !== shape[depth])
      throw new FusorError(
        'ERR_SHAPE',
        [
          `${of}the rows are ragged: element ${path(depth) || '[]'} should have ${shape[depth]} entries, got ${
            Array.isArray(level) ? level.length : show(level)
          }`,
          where,
        ],
        { path: path(depth), expected: shape[depth] },
      );
    if (depth < shape.length - 1) {
      for (at[depth] = 0; at[depth] < level.length; at[depth]++) fill(level[at[depth]], depth + 1);
      return;
    }
    for (let i = 0; i < level.length; i++) {
      const value: unknown = level[i];
      if (typeof value !== 'number')
        throw wrong(
          where,
          `${of}element ${path(depth)}[${i}]`,
          value,
          'a number',
          typeof value === 'boolean' ? 'write 1 for true, 0 for false' : '',
        );
      data[next + i] = value;
    }
    next += level.length;
  };
  fill(nested, 0);
  return { data, shape };
}

/**
 * Whatever the user gave, as an NDArray.
 * @param name the argument's name, for the error
 */
export function asNDArray(value: unknown, where: string, name: string): NDArray {
  if (isNumericArray(value)) return { data: unshared(value), shape: [value.length] };
  if (Array.isArray(value)) return reading(where, () => fromNested(value, where, name));
  const { data, shape } = (typeof value === 'object' && value !== null ? value : {}) as Partial<NDArray>;
  if (isNumericArray(data) && Array.isArray(shape)) return ndarray(unshared(data), shape);
  if (Array.isArray(shape) && (isTypedArray(data) || Array.isArray(data)))
    throw wrong(where, `${name}.data`, data, `one of ${KINDS.join(', ')}`);
  throw wrong(where, name, value, 'an NDArray, a typed array or nested arrays of numbers', hintFor(value));
}

/** Memory that another thread may write is copied before it is checked: what was checked is what is used. */
function unshared<T extends NumericArray>(data: T): T {
  return isSharedArrayBuffer(data.buffer) ? (data.slice() as T) : data;
}

/** What people pass instead. */
function hintFor(value: unknown): string {
  const { then, next, dispose } = (value ?? {}) as Record<string, unknown>;
  if (typeof then === 'function') return 'it is a promise: await it';
  if (typeof next === 'function' || typeof value === 'function')
    return 'collect what it generates into one array';
  if (typeof dispose === 'function') return 'it seems to be a tensor: pass ndarray(await x.data(), x.shape)';
  if (isTypedArray(value)) return `take ${KINDS.join(', ')}`;
  return 'see ndarray(data, shape)';
}
