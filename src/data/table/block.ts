/** The rows of a block as they are read: each reader puts cells into one, which checks them. */
import { Categories, type Category } from './categories';
import { isMissing, numberOf } from './cell';
import type { CellReader } from './cells';
import { CATEGORY, type TableLayout } from './layout';

/** Places of columns that are no features. */
const LABEL = -1;
export const NOWHERE = -2;

const DECIMAL_COMMA = /^[+-]?\d+,\d+$/;

const isByte = (value: number): boolean => (value & 255) === value;

export class Refusal extends Error {
  constructor(
    message: string,
    readonly mend: string,
  ) {
    super(message);
  }
}

export interface ParsedBlock {
  rows: number;
  lines: number;
  /** [rows, features]; of a category its number in `categories`; NaN is missing. Bytes where all are integers from 0 to 255. */
  values: Float32Array | Uint8Array;
  labels: Float32Array;
  /** By column. */
  categories: Record<number, Category[]>;
}

/** The rows read so far, and where in the row and the block the reader is. */
export class Block {
  line = 0;
  rows = 0;
  /** Bytes for as long as all are: most large tables are pictures. */
  values: Uint8Array | Float32Array;
  labels: Float32Array;
  readonly width: number;
  /** By column: where its value goes, or LABEL, or NOWHERE. */
  readonly place: Int32Array;
  readonly #categories: (Categories | undefined)[];

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
    this.place = new Int32Array(layout.names.length).fill(NOWHERE);
    for (const [f, column] of features.entries()) this.place[column] = f;
    if (layout.label >= 0) this.place[layout.label] = LABEL;
    this.#categories = layout.kinds.map((kind) => (kind === CATEGORY ? new Categories() : undefined));
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

  /** Whether there is room for any number. */
  isWide(column: number): boolean {
    return this.place[column] === LABEL || this.values instanceof Float32Array;
  }

  put(column: number, value: number): void {
    const place = this.place[column];
    if (place >= 0) {
      if (!this.isWide(column) && !isByte(value)) this.values = new Float32Array(this.values);
      this.values[this.rows * this.width + place] = value;
    } else if (place === LABEL) this.labels[this.rows] = value;
  }

  /** Numbers of the columns from that one on, whose places follow each other; or the label's. */
  putRun(column: number, count: number, reader: CellReader): void {
    const place = this.place[column];
    if (place === LABEL) this.labels[this.rows] = reader.first;
    else this.values.set(reader.numbers(count, this.isWide(column)), this.rows * this.width + place);
  }

  /** A cell of a column of categories. @param key of the same text the same, and cheaper to make */
  category(column: number, key: string, text: () => string): void {
    const categories = this.#categories[column]!;
    const known = categories.get(key);
    if (known !== undefined) {
      this.put(column, known);
      return;
    }
    const name = text().trim();
    if (name.includes('\ufffd')) throw this.refuse(column, name, 'is no UTF-8', 'save the file as UTF-8');
    if (this.#isAbsent(column, name)) this.missing(column);
    else this.put(column, categories.add(key, name, this.rows, this.line));
  }

  text(column: number, cell: string): void {
    if (this.place[column] === NOWHERE) return;
    if (this.layout.kinds[column] === CATEGORY) {
      this.category(column, cell, () => cell);
      return;
    }
    const text = cell.trim();
    if (isMissing(text)) this.missing(column);
    else this.number(column, numberOf(text), () => text);
  }

  /** "NA" and "?" may well be names; only a label has to be one. Empty cells have no mean: they are a category, then. */
  #isAbsent(column: number, name: string): boolean {
    if (this.place[column] === LABEL) return isMissing(name);
    return name === '' && this.layout.missing !== 'mean';
  }

  number(column: number, value: number, cell: () => string): void {
    const rounded = Math.fround(value);
    if (Number.isFinite(rounded)) this.put(column, rounded);
    else if (Number.isNaN(value))
      throw this.refuse(
        column,
        cell(),
        'is no number',
        DECIMAL_COMMA.test(cell())
          ? 'say --decimal , (decimal) where commas are decimal points'
          : `mend it${this.layout.label < 0 ? '' : ', or name the column with --categorical or --ignore'}`,
      );
    else throw this.refuse(column, cell(), 'is too great for float32', 'scale the column');
  }

  missing(column: number): void {
    const { missing, label, names } = this.layout;
    if (this.place[column] === NOWHERE) return;
    const isLabel = column === label;
    if (missing === 'drop' || (missing === 'mean' && !isLabel)) this.put(column, Number.NaN);
    else throw new Refusal(`no value in column "${names[column]}"`, `give one${this.#mendMissing(isLabel)}`);
  }

  #mendMissing(isLabel: boolean): string {
    const { missing, label } = this.layout;
    if (isLabel) return ', or drop such rows with --missing drop';
    if (missing === 'refuse') return '';
    return label < 0 ? ', or take the mean: --missing mean' : ', or say what to do with --missing mean|drop';
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
    else for (const categories of this.#categories) categories?.drop(this.rows);
  }

  finish(): ParsedBlock {
    const { rows, width, line: lines } = this;
    const read = this.values.subarray(0, rows * width);
    // What was guessed is kept where it was near.
    const values = 2 * read.length < this.values.length ? read.slice() : read;
    // What widened them may be in a row that was dropped, or round to a byte.
    const narrows = values instanceof Float32Array && values.every(isByte);
    const categories = Object.fromEntries(
      this.#categories.flatMap((found, column) => (found ? [[column, found.all()]] : [])),
    );
    return {
      rows,
      lines,
      values: narrows ? new Uint8Array(values) : values,
      labels: this.labels.slice(0, rows),
      categories,
    };
  }
}
