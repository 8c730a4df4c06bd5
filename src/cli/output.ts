/** Results go to stdout; progress and logs to stderr. */
import stringWidth from 'string-width';
import { printable } from '../errors';

export class Output {
  /** Whether the document is written. */
  #done = false;

  constructor(
    /** stdout gets exactly one JSON document. */
    readonly asJson: boolean,
    readonly quiet: boolean,
  ) {}

  /** With --json: the result, or what came instead of one; where the result is there already, nothing. */
  document(document: unknown): void {
    if (!this.#done) process.stdout.write(`${JSON.stringify(document)}\n`);
    this.#done = true;
  }

  /** Something on the way. */
  note(text: string): void {
    if (!this.quiet) process.stderr.write(`${text.split('\n').map(printable).join('\n')}\n`);
  }

  /** A long result, as {@link result} has it: each piece is made when the one before is written. */
  async pieces(document: () => Iterable<string>, people: () => Iterable<string>): Promise<void> {
    this.#done ||= this.asJson;
    for (const piece of this.asJson ? document() : people()) if (!(await isWritten(piece))) return;
    await isWritten('\n');
  }

  /** The result: as JSON when asked for, else by `people`, --quiet or not. */
  result(document: unknown, people?: () => string): void {
    if (this.asJson) this.document(document);
    else if (people) process.stdout.write(`${people()}\n`);
  }
}

/** Not to who has closed the pipe; other errors end the process, see interrupt.ts. */
const isWritten = (text: string): Promise<boolean> =>
  new Promise((done) => process.stdout.write(text, (error) => done(!error)));

/** Cells of a terminal: Chinese letters take two, marks above others none. Of most texts it is their length. */
const widthOf = (text: string): number => (/^[ -~─│·…µ±×–]*$/.test(text) ? text.length : stringWidth(text));

function padded(text: string, cells: number, toTheRight: boolean): string {
  const gap = ' '.repeat(Math.max(0, cells - widthOf(text)));
  return toTheRight ? gap + text : text + gap;
}

/** Columns wide enough for their cells; numbers, and what is right of them, to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  return [...tableLines(head, rows, right)].join('\n');
}

/** The same, a line at a time. @param rows which are gone through twice: how wide they are is seen first */
export function* tableLines(
  head: readonly string[],
  rows: Iterable<readonly string[]>,
  right: readonly number[],
): Generator<string> {
  const widths = head.map(() => 0);
  const widen = (cells: readonly string[]) => {
    for (const [i, cell] of cells.entries()) widths[i] = Math.max(widths[i], widthOf(printable(cell)));
  };
  widen(head);
  for (const cells of rows) widen(cells);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => padded(printable(cell), widths[i], right.includes(i)))
      .join('  ')
      .trimEnd();
  yield line(head);
  yield line(widths.map((width) => '─'.repeat(width)));
  for (const cells of rows) yield line(cells);
}

/** Characters of a piece of text that is written by itself. */
const PIECE = 1 << 16;

/** Texts with something between them, which are never one text in memory. */
export function* inPieces(texts: Iterable<string>, between: string): Generator<string> {
  let piece = '';
  let separator = '';
  for (const text of texts) {
    piece += separator + text;
    separator = between;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

/** 60000 → 60,000, whatever the locale. */
export function thousands(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Width of the terminal, 80 when it is none. */
export function columns(): number {
  return Math.max(20, process.stdout.columns || 80);
}

/** As a shell takes it for one word. */
export function shellWord(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
