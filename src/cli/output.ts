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

  /** The result: as JSON when asked for, else by `people`, --quiet or not. */
  result(document: unknown, people?: () => string): void {
    if (this.asJson) this.document(document);
    else if (people) process.stdout.write(`${people()}\n`);
  }
}

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
  const all = [head, ...rows].map((cells) => cells.map(printable));
  const widths = head.map((_, i) => all.reduce((most, row) => Math.max(most, widthOf(row[i])), 0));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => padded(cell, widths[i], right.includes(i)))
      .join('  ')
      .trimEnd();
  const [titles, ...others] = all.map(line);
  return [titles, line(widths.map((width) => '─'.repeat(width))), ...others].join('\n');
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
