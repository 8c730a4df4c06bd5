/** Rows that come chunk after chunk: more of them than fit into memory. */
import { isPromise } from 'node:util/types';
import { reading, show, wrong } from '../arguments';
import type { Examples } from '../backend/contract';
import { FusorError, isFusorError } from '../errors';
import type { DataShape } from './data-shape';
import { examplesOf } from './examples';
import { type ArrayLike, asNDArray } from './ndarray';
import { sampleWeightsOf } from './sample-weights';

/** Any number of rows, x and y as fit takes them. */
export type RowChunk =
  | { x: ArrayLike; y: ArrayLike; sampleWeight?: ArrayLike }
  | readonly [x: ArrayLike, y: ArrayLike, sampleWeight?: ArrayLike];

export type RowIterable = Iterable<RowChunk> | AsyncIterable<RowChunk>;

/** Which pass through the rows is asked for. */
export interface EpochAt {
  /** Counted from 0. */
  epoch: number;
  seed: number;
  /** Whether another order is wanted in each epoch; in a buffer of rows fit shuffles itself. */
  shuffle: boolean;
}

/** A source that knows itself better than an iterable does; what reading a large file gives. */
export interface RowStream extends AsyncIterable<{ x: ArrayLike; y: ArrayLike }> {
  /** Rows of a pass. */
  readonly rows: number;
  /** Tells it from other data. */
  readonly fingerprint: string;
  /** One pass. The same for the same arguments. */
  at(epoch: EpochAt): RowIterable;
}

/**
 * What fit takes instead of arrays: gone through once an epoch, so an iterable must begin anew each time; a function
 * is called for each epoch and gives an iterable, which a generator function does.
 */
export type RowSource = RowIterable | ((at: EpochAt) => RowIterable) | RowStream;

/** A source, its rows checked as they come. */
export interface ExampleStream {
  /** Rows of a pass, where the source says so. */
  rows?: number;
  fingerprint: string;
  /** The calling function and, for a second source, its name. */
  where: string;
  /** @param left aborted when nobody wants more: the source is closed then, after the chunk at hand */
  chunks(at: EpochAt, left: AbortSignal): AsyncGenerator<Examples, void, void>;
}

export function isStream(rows: Examples | ExampleStream): rows is ExampleStream {
  return 'chunks' in rows;
}

/** Whether `value` is gone through, not indexed: neither an NDArray nor an array, but for one of chunks { x, y }. */
export function isRowSource(value: unknown): value is RowSource {
  if (typeof value === 'function') return true;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  if (Array.isArray(value)) {
    if (isPair(value[0])) return true;
    const { x, y } = Object(value[0]);
    return x !== undefined && y !== undefined;
  }
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/** [x, y]: not the first row of nested arrays, whose innermost are numbers. */
function isPair(value: unknown): boolean {
  if (!Array.isArray(value) || value.length < 2) return false;
  return value.slice(0, 2).every((part) => ArrayBuffer.isView(part) || ArrayBuffer.isView(Object(part).data));
}

/** Any iterable may have an `at` or `rows` of its own. */
function isRowStream(source: RowSource): source is RowStream {
  const { rows, fingerprint, at } = source as Partial<RowStream>;
  return Number.isSafeInteger(rows) && typeof fingerprint === 'string' && typeof at === 'function';
}

/**
 * @param where the calling function and, for a second source, its name
 * @throws from its chunks: what {@link examplesOf} throws, ERR_DATA_STREAM where the source fails; with the chunk's number
 */
export function exampleStream(fit: DataShape, source: RowSource, where: string): ExampleStream {
  const known = isRowStream(source) ? source : undefined;
  const pass = (at: EpochAt) => known?.at(at) ?? (typeof source === 'function' ? source(at) : source);
  return {
    rows: known?.rows,
    fingerprint: known?.fingerprint ?? 'a stream',
    where,
    async *chunks(at, left) {
      const place = (chunk: number) => `${where}, epoch ${at.epoch + 1}, chunk ${chunk}`;
      const iterator = await failing(place(0), () => iteratorOf(pass(at), where));
      // As `for await` has it: who is done, or has failed, is not asked to end.
      let [chunk, open] = [0, false];
      try {
        for (; ; chunk++) {
          const { done, value } = await failing(place(chunk), () => iterator.next());
          if (done) return;
          open = true;
          if (left.aborted) return;
          const examples = reading(place(chunk), () => checked(fit, value, place(chunk)));
          if (examples) yield examples;
          open = false;
        }
      } finally {
        // What goes wrong in ending it would hide why it is ended.
        if (open) await (async () => iterator.return?.())().catch(() => {});
      }
    },
  };
}

function iteratorOf(iterable: unknown, where: string): AsyncIterator<RowChunk> | Iterator<RowChunk> {
  const { [Symbol.asyncIterator]: anew, [Symbol.iterator]: again } = Object(iterable);
  const open = anew ?? again;
  if (typeof open === 'function' && typeof iterable !== 'string') return open.call(iterable);
  throw wrong(where, 'what the source gives', iterable, 'an iterable of { x, y }');
}

/** Nothing for a chunk without rows. */
function checked(fit: DataShape, chunk: unknown, where: string): Examples | undefined {
  if (isPromise(chunk)) throw wrong(where, 'a chunk', chunk, '{ x, y }', 'it is a promise: await it');
  const parts = Array.isArray(chunk) ? { x: chunk[0], y: chunk[1], sampleWeight: chunk[2] } : Object(chunk);
  if (parts.x === undefined || parts.y === undefined)
    throw wrong(where, 'a chunk', chunk, '{ x, y } or [x, y]');
  const [x, y] = [asNDArray(parts.x, where, 'x'), asNDArray(parts.y, where, 'y')];
  if (x.shape[0] === 0 && y.shape[0] === 0) return undefined;
  const examples = examplesOf(fit, x, y, where);
  return { ...examples, weights: sampleWeightsOf(parts.sampleWeight, examples.rows, where) };
}

/** What the user's own code throws is an error of the data, with it as the cause; errors of ours stay. */
async function failing<T>(where: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isFusorError(cause)) throw cause;
    const why = cause instanceof Error ? cause.message.split('\n')[0] : show(cause);
    const parts = [`the source of the rows failed (${why})`, where, 'mend it: see the cause'] as const;
    throw new FusorError('ERR_DATA_STREAM', parts, {}, { cause });
  }
}
