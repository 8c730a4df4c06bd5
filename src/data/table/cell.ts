/** What a cell of text means. */

const MISSING = new Set(['', 'NA', 'N/A', 'n/a', 'NaN', 'nan', 'null', 'NULL', 'None', '?']);

export const isMissing = (cell: string): boolean => MISSING.has(cell.trim());

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** NaN for what is no decimal number. */
export function numberOf(cell: string): number {
  const text = cell.trim();
  return NUMBER.test(text) ? Number(text) : Number.NaN;
}

export const isText = (cell: string): boolean => !isMissing(cell) && Number.isNaN(numberOf(cell));

const [COMMA, POINT] = [44, 46];
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57;

/** A copy in which commas between digits are points. */
export function withPoints(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = copy.indexOf(COMMA); at >= 0; at = copy.indexOf(COMMA, at + 1))
    if (isDigit(copy[at - 1]) && isDigit(copy[at + 1])) copy[at] = POINT;
  return copy;
}
