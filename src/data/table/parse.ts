/**
 * Rows of text as numbers: the work of one block, done in a worker. papaparse reads rows with quotes. Those without are read here,
 * byte by byte: several times as fast, and most large tables are nothing but digits.
 */
import { parse } from 'papaparse';
import { isMissing, numberOf } from './cell';
import { CATEGORY, flatRow, type JsonCell, NUMBER, type TableLayout } from './layout';

export interface ParsedBlock {
  rows: number;
  lines: number;
  /** [rows, features]; of a category its number in `categories`; NaN is missing. Bytes where all are integers from 0 to 255. */
  values: Float32Array | Uint8Array;
  labels: Float32Array;
  /** By column, the texts in the order in which they first came. */
  categories: Record<number, string[]>;
}

/** What is wrong with a cell or a row; the reader knows which line of the file it is. */
export interface BadRow {
  /** Within the block, from 0. */
  line: number;
  what: string;
  mend: string;
}

export function isBadRow(result: object): result is BadRow {
  return 'what' in result;
}

const isByte = (value: number): boolean => (value & 255) === value;

class Refusal extends Error {
  constructor(
    message: string,
    readonly mend: string,
  ) {
    super(message);
  }
}

export function parseBlock(bytes: Uint8Array, layout: TableLayout): ParsedBlock | BadRow {
  const block = new Block(layout, bytes.length);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (layout.kind === 'jsonl') parseJson(buffer, block);
    else if (buffer.includes(34)) parseQuoted(buffer, block);
    else parsePlain(buffer, block);
  } catch (error) {
    if (error instanceof Refusal) return { line: block.line, what: error.message, mend: error.mend };
    if ((error as { code?: string }).code === 'ERR_DATA_FORMAT') {
      const [what, , mend] = (error as Error).message.split(' · ');
      return { line: block.line, what, mend };
    }
    throw error;
  }
  return block.finish();
}

/** The rows read so far, and where in the row and the block the reader is. */
class Block {
  line = 0;
  rows = 0;
  /** Bytes for as long as all are: most large tables are pictures. */
  values: Uint8Array | Float32Array;
  labels: Float32Array;
  readonly width: number;
  /** By column: where its value goes, −1 for the label, −2 for nowhere. */
  readonly place: Int32Array;
  readonly #ids: (Map<string, number> | undefined)[];

  constructor(
    readonly layout: TableLayout,
    size: number,
  ) {
    const { features } = layout;
    this.width = features.length;
    // A cell of a table takes two bytes, if there are not many empty ones.
    const guess = Math.floor(size / (2 * layout.names.length)) + 16;
    this.values = new Uint8Array(guess * this.width);
    this.labels = new Float32Array(guess);
    this.place = Int32Array.from(layout.names, (_, i) =>
      i === layout.label ? -1 : features.indexOf(i) < 0 ? -2 : features.indexOf(i),
    );
    this.#ids = layout.kinds.map((kind) => (kind === CATEGORY ? new Map() : undefined));
  }

  /** Room for another row. */
  open(): void {
    if (this.rows < this.labels.length) return;
    const { values, labels } = this;
    this.values =
      values instanceof Uint8Array ? new Uint8Array(values.length * 2) : new Float32Array(values.length * 2);
    this.values.set(values);
    this.labels = new Float32Array(labels.length * 2);
    this.labels.set(labels);
  }

  /** The greatest integer that there is room for without more ado. */
  get most(): number {
    return this.values instanceof Uint8Array ? 255 : 2 ** 30 - 1;
  }

  widen(): void {
    this.values = new Float32Array(this.values);
  }

  put(column: number, value: number): void {
    const place = this.place[column];
    if (place >= 0) {
      if (this.most === 255 && !isByte(value)) this.widen();
      this.values[this.rows * this.width + place] = value;
    } else if (place === -1) this.labels[this.rows] = value;
  }

  /** The number of a category. @param key of the same text the same, and cheaper to make */
  category(column: number, key: string, text: () => string = () => key): number {
    const ids = this.#ids[column]!;
    const known = ids.get(key);
    if (known !== undefined) return known;
    const name = text().trim();
    if (name.includes('\ufffd')) throw this.refuse(column, name, 'is no UTF-8', 'save the file as UTF-8');
    ids.set(key, ids.size);
    return ids.size - 1;
  }

  text(column: number, cell: string): void {
    if (this.place[column] === -2) return;
    if (this.layout.kinds[column] === CATEGORY) {
      if (this.place[column] === -1 && isMissing(cell)) this.missing(column);
      else this.put(column, this.category(column, cell.trim()));
    } else if (isMissing(cell)) this.missing(column);
    else this.number(column, numberOf(cell), () => cell);
  }

  number(column: number, value: number, cell: () => string): void {
    const rounded = Math.fround(value);
    if (Number.isFinite(rounded)) this.put(column, rounded);
    else if (Number.isNaN(value))
      throw this.refuse(
        column,
        cell(),
        'is no number',
        `mend it, or name the column with --categorical or --ignore`,
      );
    else throw this.refuse(column, cell(), 'is too great for float32', 'scale the column');
  }

  missing(column: number): void {
    const { missing, label } = this.layout;
    if (this.place[column] === -2) return;
    if (missing === 'error' || (column === label && missing !== 'drop'))
      throw new Refusal(
        `no value in column "${this.layout.names[column]}"`,
        column === label
          ? 'give one, or drop such rows with --missing drop'
          : 'give one, or say what to do with --missing mean|drop',
      );
    this.put(column, Number.NaN);
  }

  refuse(column: number, cell: string, what: string, mend: string): Refusal {
    return new Refusal(
      `${JSON.stringify(cell.slice(0, 40))} in column "${this.layout.names[column]}" ${what}`,
      mend,
    );
  }

  wrongWidth(found: number): Refusal {
    const { names, delimiter } = this.layout;
    return new Refusal(
      `${found} cells, the table has ${names.length} columns`,
      `mend the row; cells are separated by ${JSON.stringify(delimiter)}`,
    );
  }

  close(): void {
    const at = this.rows * this.width;
    const incomplete = () =>
      Number.isNaN(this.labels[this.rows]) || this.values.subarray(at, at + this.width).some(Number.isNaN);
    if (this.layout.missing !== 'drop' || !incomplete()) this.rows++;
    else this.values.fill(0, at, at + this.width);
  }

  finish(): ParsedBlock {
    const { rows, width, line: lines } = this;
    const values = this.values.slice(0, rows * width);
    // What widened them may be in a row that was dropped, or round to a byte.
    const narrows = values instanceof Float32Array && values.every(isByte);
    const categories = Object.fromEntries(
      this.#ids.flatMap((ids, i) => (ids ? [[i, [...ids.keys()].map((key) => this.#decoded(key))]] : [])),
    );
    return {
      rows,
      lines,
      values: narrows ? new Uint8Array(values) : values,
      labels: this.labels.slice(0, rows),
      categories,
    };
  }

  /** Keys of plain blocks are bytes. */
  latin = false;
  #decoded(key: string): string {
    return this.latin ? Buffer.from(key, 'latin1').toString('utf8') : key;
  }
}

/** Without the newline at the end, after which no line comes. */
function linesOf(buffer: Buffer): string {
  return buffer.toString('utf8').replace(/\r?\n$/, '');
}

function parseJson(buffer: Buffer, block: Block): void {
  const { names } = block.layout;
  for (const line of linesOf(buffer).split('\n')) {
    if (line.trim()) {
      const row = flatRow(line, () => '');
      if (row.size > names.length || names.some((name) => !row.has(name))) {
        const odd = [...row.keys()].find((name) => !names.includes(name));
        if (odd !== undefined)
          throw new Refusal(`the first row has no "${odd}"`, 'give all rows the same keys');
      }
      block.open();
      for (const [column, name] of names.entries()) jsonCell(block, column, row.get(name) ?? null);
      block.close();
    }
    block.line++;
  }
}

function jsonCell(block: Block, column: number, cell: JsonCell): void {
  if (cell === null) block.missing(column);
  else if (typeof cell === 'string' || block.layout.kinds[column] === CATEGORY)
    block.text(column, String(cell));
  else block.number(column, Number(cell), () => String(cell));
}

function parseQuoted(buffer: Buffer, block: Block): void {
  const { delimiter, names } = block.layout;
  const text = linesOf(buffer);
  parse<string[]>(text, {
    delimiter,
    step: ({ data, errors, meta }, parser) => {
      const [error] = errors;
      if (error && error.type === 'Quotes')
        throw new Refusal(`${error.message.toLowerCase()}`, 'close the quotes, or double those inside them');
      if (data.length > 1 || data[0].trim() !== '') {
        if (data.length !== names.length) throw block.wrongWidth(data.length);
        block.open();
        for (let column = 0; column < data.length; column++) block.text(column, data[column]);
        block.close();
      }
      block.line += 1 + data.reduce((sum, cell) => sum + newlines(cell), 0);
      if (meta.aborted) parser.abort();
    },
  });
}

const newlines = (cell: string) => (cell.includes('\n') ? cell.split('\n').length - 1 : 0);

const [NEWLINE, RETURN, SPACE, PLUS, MINUS, POINT, ZERO] = [10, 13, 32, 43, 45, 46, 48];
const POWERS = Float64Array.from({ length: 16 }, (_, i) => 10 ** i);

/** Rows without quotes, one after the other. */
function parsePlain(buffer: Buffer, block: Block): void {
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
    const separators = (separator * 0x01010101) | 0;
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
      while (column < until) {
        // Where a new row is they are there already.
        if (column + 4 <= until && at + 8 <= end && words.getFloat64(at, true) === zeros) {
          at += 8;
          column += 4;
          continue;
        }
        // Where among four bytes the separator is, and what is before it as digits.
        const word = at + 4 <= end ? words.getInt32(at, true) : 0;
        const odd = word ^ separators;
        const found = (odd - 0x01010101) & ~odd & 0x80808080;
        const digits = (31 - Math.clz32(found & -found)) >> 3;
        if (digits <= 0) break;
        const each = ((word << (32 - 8 * digits)) | (0x30303030 >>> (8 * digits))) ^ 0x30303030;
        const value = (each >>> 24) + 10 * ((each >>> 16) & 15) + 100 * ((each >>> 8) & 15);
        if ((((each + 0x76767676) | each) & 0x80808080) !== 0 || value > most) break;
        values[to + column] = value;
        at += digits + 1;
        column++;
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
  if (block.layout.kinds[column] !== CATEGORY || (block.place[column] === -1 && isMissing(cell)))
    block.text(column, cell);
  else
    block.put(
      column,
      block.category(column, cell, () => Buffer.from(cell, 'latin1').toString('utf8')),
    );
}
