/** Rows without quotes: numbers in runs, what else there is cell by cell. */
import { type Block, NOWHERE } from './block';
import { CellReader } from './cells';
import { CATEGORY, NUMBER } from './layout';

const [NEWLINE, RETURN] = [10, 13];

export function parsePlain(text: Uint8Array, block: Block): void {
  const plain = new Plain(text, block);
  const { bytes } = plain;
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

class Plain {
  /** A newline at the end stops every loop. */
  readonly bytes: Buffer;
  readonly #reader = CellReader.here;
  readonly #separator: number;
  /** By column, how many from it on are numbers that follow each other in the model, too. */
  readonly #run: Int32Array;

  constructor(
    text: Uint8Array,
    private readonly block: Block,
  ) {
    const { place, layout } = block;
    const { names, kinds, delimiter } = layout;
    this.bytes = this.#reader.load(text, names.length);
    this.#separator = delimiter.charCodeAt(0);
    this.#run = new Int32Array(names.length + 1);
    for (let i = names.length - 1; i >= 0; i--) {
      if (place[i] === NOWHERE || kinds[i] !== NUMBER) continue;
      const follows = place[i] >= 0 && place[i + 1] === place[i] + 1;
      this.#run[i] = follows ? this.#run[i + 1] + 1 : 1;
    }
  }

  /** @returns where the next one begins */
  row(begin: number): number {
    const { bytes, block } = this;
    const [reader, separator, run] = [this.#reader, this.#separator, this.#run];
    const columns = run.length - 1;
    let at = begin;
    for (let column = 0; ; ) {
      const count = run[column] > 0 ? reader.read(at, run[column], separator, block.isWide(column)) : 0;
      if (count > 0) {
        block.putRun(column, count, reader);
        at = reader.position;
        column += count;
      } else {
        const from = at;
        while (bytes[at] !== separator && bytes[at] !== NEWLINE) at++;
        if (column < columns) otherCell(bytes, from, at, column, block);
        at++;
        column++;
      }
      if (bytes[at - 1] !== NEWLINE) continue;
      if (column !== columns) throw block.wrongWidth(column);
      return at;
    }
  }
}

/** All that is no plain number. */
function otherCell(bytes: Buffer, from: number, to: number, column: number, block: Block): void {
  const text = () => bytes.toString('utf8', from, to);
  if (block.layout.kinds[column] !== CATEGORY) block.text(column, text());
  else block.category(column, bytes.toString('latin1', from, to), text);
}
