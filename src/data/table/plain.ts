/** Rows without quotes, read byte by byte, or some bytes at a time: most large tables are nothing but digits. */
import type { Block } from './block';
import { CATEGORY, NUMBER } from './layout';

const [NEWLINE, RETURN, SPACE, PLUS, MINUS, POINT, ZERO] = [10, 13, 32, 43, 45, 46, 48];
const POWERS = Float64Array.from({ length: 16 }, (_, i) => 10 ** i);

export function parsePlain(buffer: Buffer, block: Block): void {
  // A newline at the end stops every loop.
  const bytes = buffer[buffer.length - 1] === NEWLINE ? buffer : Buffer.concat([buffer, Buffer.from('\n')]);
  const plain = new Plain(bytes, block);
  block.latin = true;
  for (let at = 0; at < bytes.length; block.line++) {
    if (bytes[at] === NEWLINE) at++;
    else if (bytes[at] === RETURN && bytes[at + 1] === NEWLINE) at += 2;
    else {
      block.open();
      at = plain.row(at);
      block.close();
    }
  }
}

/**
 * The most common cells are 0, and integers of up to three digits: those are read some bytes at a time. Others, but text, are a mantissa below
 * 2⁵³ over a power of ten that float64 holds, which is rounded once: as Number does it.
 */
class Plain {
  readonly #words: DataView;
  readonly #separator: number;
  /** Cells of 0 for which a float64 has bytes, as that. */
  readonly #zeros: number;
  /** By column, how many from it on are features of numbers. */
  readonly #run: Int32Array;

  constructor(
    private readonly bytes: Buffer,
    private readonly block: Block,
  ) {
    const { names, kinds, delimiter } = block.layout;
    this.#words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#separator = delimiter.charCodeAt(0);
    this.#zeros = Buffer.from(`0${delimiter}`.repeat(4)).readDoubleLE();
    this.#run = new Int32Array(names.length + 1);
    for (let i = names.length - 1; i >= 0; i--)
      this.#run[i] = block.place[i] >= 0 && kinds[i] === NUMBER ? this.#run[i + 1] + 1 : 0;
  }

  /** @returns where the next one begins */
  row(begin: number): number {
    const { bytes, block } = this;
    const [words, separator, zeros, run] = [this.#words, this.#separator, this.#zeros, this.#run];
    const [second, third] = [separator << 8, separator << 16];
    const zeroPair = (separator << 24) | (ZERO << 16) | (separator << 8) | ZERO;
    const end = bytes.length;
    const columns = run.length - 1;
    const { place } = block;
    const base = block.rows * block.width;
    let { values, most } = block;
    let at = begin;
    let column = 0;
    for (; ; column++) {
      const until = column + run[column];
      const to = base + place[column] - column;
      while (column < until && at + 8 <= end) {
        const word = words.getInt32(at, true);
        let value: number;
        let digits: number;
        if ((word & 0xff00) === second) {
          if (word === zeroPair && column + 4 <= until) {
            // Where a new row is they are there already.
            at += 4;
            column += 2;
            while (column + 4 <= until && at + 8 <= end && words.getFloat64(at, true) === zeros) {
              at += 8;
              column += 4;
            }
            continue;
          }
          value = (word & 255) - ZERO;
          if (value >>> 0 > 9) break;
          digits = 1;
        } else if ((word & 0xff0000) === third) {
          if (((word & 0xf0f0) | (((word + 0x0606) & 0xf0f0) >>> 4)) !== 0x3333) break;
          value = 10 * (word & 15) + ((word >>> 8) & 15);
          digits = 2;
        } else {
          if (((word & 0xf0f0f0) | (((word + 0x060606) & 0xf0f0f0) >>> 4)) !== 0x333333) break;
          value = 100 * (word & 15) + 10 * ((word >>> 8) & 15) + ((word >>> 16) & 15);
          if (word >>> 24 !== separator || value > most) break;
          digits = 3;
        }
        values[to + column++] = value;
        at += digits + 1;
      }
      const from = at;
      let value = 0;
      for (let digit = (bytes[at] - ZERO) >>> 0; digit <= 9; digit = (bytes[++at] - ZERO) >>> 0)
        value = (value * 10 + digit) | 0;
      const byte = bytes[at];
      if (
        at - from - 1 < 9 &&
        at > from &&
        (byte === separator || byte === NEWLINE) &&
        run[column] > 0 &&
        value <= most
      )
        values[base + place[column]] = value;
      else {
        at = from;
        while (bytes[at] !== separator && bytes[at] !== NEWLINE) at++;
        if (column < columns) otherCell(bytes, from, at, column, block);
        ({ values, most } = block);
      }
      if (bytes[at] === NEWLINE) break;
      at++;
    }
    if (column + 1 !== columns) throw block.wrongWidth(column + 1);
    return at + 1;
  }
}

/** Signs, fractions and all that is no number. */
function otherCell(bytes: Buffer, from: number, to: number, column: number, block: Block): void {
  let [begin, end] = [from, to];
  while (end > begin && (bytes[end - 1] === RETURN || bytes[end - 1] === SPACE)) end--;
  while (begin < end && bytes[begin] === SPACE) begin++;
  if (block.layout.kinds[column] === NUMBER) {
    let at = begin;
    const negative = bytes[at] === MINUS;
    if (negative || bytes[at] === PLUS) at++;
    let mantissa = 0;
    let digits = 0;
    let point = -1;
    for (; at < end; at++) {
      const digit = bytes[at] - ZERO;
      if (digit >= 0 && digit <= 9) {
        mantissa = mantissa * 10 + digit;
        digits++;
      } else if (bytes[at] === POINT && point < 0) point = digits;
      else break;
    }
    if (at === end && digits > 0 && digits < 16) {
      const size = point < 0 ? mantissa : mantissa / POWERS[digits - point];
      block.put(column, negative ? -size : size);
      return;
    }
  }
  const cell = bytes.toString('latin1', begin, end);
  if (block.layout.kinds[column] !== CATEGORY || block.isAbsent(column, cell)) block.text(column, cell);
  else
    block.put(
      column,
      block.category(column, cell, () => Buffer.from(cell, 'latin1').toString('utf8')),
    );
}
