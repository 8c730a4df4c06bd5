import type { Examples } from '../backend/contract';

/** Rows of a stream that train together, till the next ones are asked for; all buffers of an epoch but the last are of one size. */
export interface RowBuffer {
  examples: Examples;
  last: boolean;
}

/**
 * Chunks of any length, cut into buffers of `size` rows, the last of which may be shorter. Rows are copied as they come: a source
 * may fill the same memory anew for its next chunk.
 */
export async function* buffersOf(
  chunks: AsyncIterable<Examples>,
  size: number,
): AsyncGenerator<RowBuffer, void, void> {
  const buffer = new Buffered(size);
  for await (const chunk of chunks) {
    for (let begin = 0; begin < chunk.rows; ) {
      // Only with a row more is it known that a full buffer is not the last.
      if (buffer.rows === size) yield { examples: buffer.take(), last: false };
      const end = Math.min(chunk.rows, begin + size - buffer.rows);
      buffer.add(slice(chunk, begin, end));
      begin = end;
    }
  }
  if (buffer.rows > 0) yield { examples: buffer.take(), last: true };
}

function slice({ rows, x, y, weights }: Examples, begin: number, end: number): Examples {
  const part = <T extends Values>(values: T) => {
    const width = values.length / rows;
    return values.subarray(begin * width, end * width) as T;
  };
  return { rows: end - begin, x: part(x), y: part(y), weights: weights && part(weights) };
}

/** The rows of a buffer so far. Rows without a weight, among such that have one, weigh 1. */
class Buffered {
  rows = 0;
  readonly #x: Column<Examples['x']>;
  readonly #y: Column<Examples['y']>;
  readonly #weights: Column<Float32Array>;
  #weighted = false;

  constructor(size: number) {
    this.#x = new Column(size);
    this.#y = new Column(size);
    this.#weights = new Column(size);
  }

  add({ rows, x, y, weights }: Examples): void {
    this.#x.put(x, this.rows, rows);
    this.#y.put(y, this.rows, rows);
    if (weights && !this.#weighted && this.rows > 0) this.#weights.put(ones(this.rows), 0, this.rows);
    this.#weighted ||= weights !== undefined;
    if (this.#weighted) this.#weights.put(weights ?? ones(rows), this.rows, rows);
    this.rows += rows;
  }

  /** They are good until the next ones are added. */
  take(): Examples {
    const { rows } = this;
    const weights = this.#weighted ? this.#weights.first(rows) : undefined;
    this.rows = 0;
    this.#weighted = false;
    return { rows, x: this.#x.first(rows), y: this.#y.first(rows), weights };
  }
}

const ones = (rows: number) => new Float32Array(rows).fill(1);

type Values = Float32Array | Uint8Array | Int32Array;
const TYPES = { Uint8Array, Int32Array, Float32Array };
const isFloat = (values: Values) => values[Symbol.toStringTag] === 'Float32Array';

/** One array of all buffers, one after the other: with new memory each time the collector has most to do. */
class Column<T extends Values> {
  #values: Values = new Uint8Array(0);
  #width = 0;

  /** @param most rows */
  constructor(private readonly most: number) {}

  /** Bytes and float32 together are float32. @param at how many rows are before it */
  put(part: T, at: number, rows: number): void {
    this.#width = part.length / rows;
    const length = (at + rows) * this.#width;
    const Type = at > 0 && isFloat(this.#values) ? Float32Array : TYPES[part[Symbol.toStringTag]];
    if (!(this.#values instanceof Type) || this.#values.length < length) {
      const grown = new Type(Math.min(this.most * this.#width, Math.max(length, 2 * this.#values.length)));
      grown.set(this.#values.subarray(0, at * this.#width));
      this.#values = grown;
    }
    this.#values.set(part, at * this.#width);
  }

  first(rows: number): T {
    return this.#values.subarray(0, rows * this.#width) as T;
  }
}
