/** Bytes of a processor's nearer caches; squares of so many bytes have room in 31 bits. */
const CLOSE = 1 << 15;

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

  /** None is missing. A column after the other, its sums in registers, of as many rows as are close at hand. */
  #addBytes(values: Uint8Array): void {
    const { counts, sums, squares, centre } = this;
    const width = centre.length;
    const most = Math.max(1, Math.floor(CLOSE / width)) * width;
    for (let from = 0; from < values.length; from += most) {
      const end = Math.min(from + most, values.length);
      const rows = (end - from) / width;
      for (let f = 0; f < width; f++) {
        let sum = 0;
        let square = 0;
        for (let i = from + f; i < end; i += width) {
          const value = values[i];
          sum += value;
          square += value * value;
        }
        const far = centre[f];
        counts[f] += rows;
        sums[f] += sum - rows * far;
        squares[f] += square - 2 * far * sum + rows * far * far;
      }
    }
  }
}
