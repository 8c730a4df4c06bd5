import { type Assembly, BEGIN, instance, reserve } from './assembly';

interface Sums extends Assembly {
  add(bytes: number, count: number, width: number, sums: number, squares: number): void;
}

/** Rows whose squares of bytes have room in 32 bits. */
const MOST = 1 << 16;

let assembly: Sums | undefined;

/** Sums over the rows of each column, missing numbers left out; about values near the means, so that those of squares are exact. */
export class Moments {
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  readonly squares: Float64Array;

  /** @param centre of each column */
  constructor(readonly centre: Float64Array) {
    const { length } = centre;
    [this.counts, this.sums, this.squares] = [
      new Float64Array(length),
      new Float64Array(length),
      new Float64Array(length),
    ];
  }

  /** @param values [rows, columns] */
  add(values: Float32Array | Uint8Array): void {
    if (values instanceof Uint8Array) this.#addBytes(values);
    else this.#addNumbers(values);
  }

  merge({ counts, sums, squares }: Pick<Moments, 'counts' | 'sums' | 'squares'>): void {
    for (let f = 0; f < this.counts.length; f++) {
      this.counts[f] += counts[f];
      this.sums[f] += sums[f];
      this.squares[f] += squares[f];
    }
  }

  mean(column: number): number {
    return this.sums[column] / this.counts[column] + this.centre[column];
  }

  deviation(column: number): number {
    const mean = this.sums[column] / this.counts[column];
    return Math.sqrt(Math.max(0, this.squares[column] / this.counts[column] - mean * mean));
  }

  #addNumbers(values: Float32Array): void {
    const { counts, sums, squares, centre } = this;
    for (let i = 0; i < values.length; )
      for (let f = 0; f < centre.length; f++, i++) {
        const far = values[i] - centre[f];
        // A missing number.
        if (Number.isNaN(far)) continue;
        counts[f]++;
        sums[f] += far;
        squares[f] += far * far;
      }
  }

  /** None is missing. */
  #addBytes(values: Uint8Array): void {
    const { counts, sums, squares, centre } = this;
    const width = centre.length;
    assembly ??= instance<Sums>('sums');
    const { memory } = assembly;
    // In memory: sums, squares, the bytes.
    const padded = Math.ceil(width / 16) * 16;
    const [sumsAt, squaresAt, bytesAt] = [BEGIN, BEGIN + 4 * padded, BEGIN + 8 * padded];
    for (let from = 0; from < values.length; from += MOST * width) {
      const bytes = values.subarray(from, from + MOST * width);
      reserve(memory, bytesAt + bytes.length + 16);
      new Uint8Array(memory.buffer, bytesAt).set(bytes);
      const [sum, square] = [sumsAt, squaresAt].map((at) =>
        new Uint32Array(memory.buffer, at, padded).fill(0),
      );
      const rows = bytes.length / width;
      assembly.add(bytesAt, rows, width, sumsAt, squaresAt);
      // They are of values as they are, not about the centres.
      for (const [f, far] of centre.entries()) {
        counts[f] += rows;
        sums[f] += sum[f] - rows * far;
        squares[f] += square[f] - 2 * far * sum[f] + rows * far * far;
      }
    }
  }
}
