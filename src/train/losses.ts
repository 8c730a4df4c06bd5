const NONE = new Float32Array(0);

/** One loss a step, in memory that doubles: a span may be a single step, and a fit may have millions. */
export class Losses {
  #values = NONE;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(losses: Float32Array): void {
    const length = this.#length + losses.length;
    if (length > this.#values.length) {
      const grown = new Float32Array(Math.max(length, 2 * this.#values.length));
      grown.set(this.#values.subarray(0, this.#length));
      this.#values = grown;
    }
    this.#values.set(losses, this.#length);
    this.#length = length;
  }

  /** A copy. */
  all(): Float32Array {
    return this.#values.slice(0, this.#length);
  }
}
