/** Numbers of text by WebAssembly (assembly/cells.ts): its memory, and the way in. */
import { type Assembly, BEGIN, instance, reserve } from './assembly';

interface Exports extends Assembly {
  cells(begin: number, to: number, count: number, separator: number, wide: boolean): number;
  position(): number;
}

const NEWLINE = 10;
/** The text is read 16 bytes at a time. */
const BEHIND = 16;

let shared: CellReader | undefined;

/** In memory: the numbers of a row, then the text. */
export class CellReader {
  readonly #exports = instance<Exports>('cells');
  #text = BEGIN;
  #bytes = new Uint8Array(0);
  #numbers = new Float32Array(0);
  #last: Uint8Array | Float32Array = this.#bytes;

  /** The one of this thread, for a block at a time. */
  static get here(): CellReader {
    shared ??= new CellReader();
    return shared;
  }

  /** Takes a block of rows of at most that many numbers. @returns the text, with a newline at its end */
  load(text: Uint8Array, numbers: number): Buffer {
    const { memory } = this.#exports;
    this.#text = BEGIN + 4 * numbers + BEHIND;
    const end = this.#text + text.length;
    reserve(memory, end + 1 + BEHIND);
    this.#bytes = new Uint8Array(memory.buffer, BEGIN, numbers);
    this.#numbers = new Float32Array(memory.buffer, BEGIN, numbers);
    this.#last = this.#bytes;
    const buffer = Buffer.from(memory.buffer);
    buffer.set(text, this.#text);
    const ended = buffer[end - 1] === NEWLINE;
    if (!ended) buffer[end] = NEWLINE;
    return buffer.subarray(this.#text, ended ? end : end + 1);
  }

  /** How many numbers follow each other from there, at most `count`. Bytes, where not `wide`: another number ends them. */
  read(at: number, count: number, separator: number, wide: boolean): number {
    return this.#exports.cells(this.#text + at, BEGIN, count, separator, wide);
  }

  /** Where the cell after them begins, or the row after a newline. */
  get position(): number {
    return this.#exports.position() - this.#text;
  }

  /** The first of them, where they are wide. */
  get first(): number {
    return this.#numbers[0];
  }

  /** @param wide as they were read */
  numbers(count: number, wide: boolean): Uint8Array | Float32Array {
    // Most rows are as the one before.
    if (this.#last.length !== count || this.#last instanceof Float32Array !== wide)
      this.#last = (wide ? this.#numbers : this.#bytes).subarray(0, count);
    return this.#last;
  }
}
