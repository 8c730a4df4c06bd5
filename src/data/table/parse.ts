/**
 * Rows of text as numbers: the work of one block, done in a worker. papaparse reads rows with quotes. Those without are read by
 * our own reader, several times as fast.
 */

import { parse } from 'papaparse';
import { FusorError } from '../../errors';
import { Block, type ParsedBlock, Refusal } from './block';
import { withPoints } from './cell';
import { isBlank } from './header';
import { CATEGORY, flatRow, isBlurred, type JsonCell, type TableLayout, WRITE_AS_TEXT } from './layout';
import { parsePlain } from './plain';

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

export function parseBlock(bytes: Uint8Array, layout: TableLayout): ParsedBlock | BadRow {
  const block = new Block(layout, bytes.length);
  const buffer = layout.decimalComma
    ? withPoints(bytes)
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (layout.kind === 'jsonl') parseJson(buffer, block);
    else if (buffer.includes(34)) parseQuoted(buffer, block);
    else parsePlain(buffer, block);
  } catch (error) {
    if (error instanceof Refusal) return { line: block.line, what: error.message, mend: error.mend };
    if (!(error instanceof FusorError) || error.code !== 'ERR_DATA_FORMAT') throw error;
    const { what, mend } = error.parts;
    return { line: block.line, what, mend };
  }
  return block.finish();
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
  const isCategory = block.layout.kinds[column] === CATEGORY;
  if (isCategory && isBlurred(cell))
    throw new Refusal(
      `a category of "${block.layout.names[column]}" is a number beyond 2^53, which JSON does not keep`,
      WRITE_AS_TEXT,
    );
  // As an empty cell of a CSV file is: of a category, one of its own where the mean is taken.
  if (typeof cell === 'string' || isCategory) block.text(column, String(cell ?? ''));
  else if (cell === null) block.missing(column);
  else block.number(column, Number(cell), () => String(cell));
}

function parseQuoted(buffer: Buffer, block: Block): void {
  const { delimiter, names } = block.layout;
  const text = linesOf(buffer);
  parse<string[]>(text, {
    delimiter,
    // By itself papaparse takes one line end for all; a CR that is left is trimmed with its cell.
    newline: '\n',
    step: ({ data, errors, meta }, parser) => {
      const [error] = errors;
      if (error && error.type === 'Quotes')
        throw new Refusal(`${error.message.toLowerCase()}`, 'close the quotes, or double those inside them');
      if (!isBlank(data)) {
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
