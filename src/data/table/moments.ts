/** Rows whose squares of bytes have room in 31 bits. */
const MOST = 1 << 15;

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

  /** @param values [rows, columns]; bytes begin where a four of them may */
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

  /** None is missing. Four at a time: most may be 0, which add nothing. */
  #addBytes(values: Uint8Array): void {
    const width = this.centre.length;
    // Where fours do not end with a row they do with every fourth.
    const period = width % 4 === 0 ? width : 4 * width;
    for (let from = 0; from < values.length; from += MOST * width) {
      const bytes = values.subarray(from, from + MOST * width);
      const fours = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
      const [sum, square] = [new Int32Array(period), new Int32Array(period)];
      for (let i = 0; i < fours.length; )
        for (let f = 0; f < period && i < fours.length; f += 4, i++) {
          const four = fours[i];
          if (four === 0) continue;
          const [a, b, c, d] = [four & 255, (four >>> 8) & 255, (four >>> 16) & 255, four >>> 24];
          sum[f] += a;
          sum[f + 1] += b;
          sum[f + 2] += c;
          sum[f + 3] += d;
          square[f] += a * a;
          square[f + 1] += b * b;
          square[f + 2] += c * c;
          square[f + 3] += d * d;
        }
      for (let i = 4 * fours.length; i < bytes.length; i++) {
        sum[i % period] += bytes[i];
        square[i % period] += bytes[i] * bytes[i];
      }
      this.#fold(sum, square, bytes.length / width);
    }
  }

  /** @param sum of values as they are, not about the centres; of each column, maybe several times over */
  #fold(sum: Int32Array, square: Int32Array, rows: number): void {
    const { counts, sums, squares, centre } = this;
    for (let f = 0; f < centre.length; f++) {
      const far = centre[f];
      counts[f] += rows;
      for (let i = f; i < sum.length; i += centre.length) {
        sums[f] += sum[i];
        squares[f] += square[i] - 2 * far * sum[i];
      }
      sums[f] -= rows * far;
      squares[f] += rows * far * far;
    }
  }
}
