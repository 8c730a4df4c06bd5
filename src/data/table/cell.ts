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
