/** Blocks that are parsed, and held until it is known what of them to keep. */
import type { ParsedBlock } from './block';
import { type Choice, type Kept, keep } from './keep';
import type { TableLayout } from './layout';
import { type BadRow, isBadRow, parseBlock } from './parse';

/** What of a parsed block the reader looks at; the values stay where they are until it has chosen. */
export interface ParsedRows extends Omit<ParsedBlock, 'values'> {
  bytes: boolean;
}

export interface ParsedText {
  result: ParsedRows | BadRow;
  /** The memory that held the text. */
  text: Uint8Array<ArrayBuffer>;
}

/** @param centre see Moments */
export interface Task {
  layout: TableLayout;
  centre: Float64Array;
}

export class HeldBlocks {
  readonly #values = new Map<number, ParsedBlock['values']>();

  constructor(private readonly task: Task) {}

  parse(block: number, text: ParsedText['text']): ParsedText {
    const parsed = parseBlock(text, this.task.layout);
    if (isBadRow(parsed)) return { result: parsed, text };
    const { values, ...rest } = parsed;
    this.#values.set(block, values);
    return { result: { ...rest, bytes: values instanceof Uint8Array }, text };
  }

  keep(block: number, choice: Choice): Kept {
    const values = this.#values.get(block)!;
    this.#values.delete(block);
    return keep(values, this.task.centre, choice);
  }
}
