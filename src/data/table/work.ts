/** The work on the blocks of a table that is read, in threads or, of a small one, where it is read. */
import { type Choice, type Kept, keep } from './keep';
import type { TableLayout } from './layout';
import { type BadRow, isBadRow, type ParsedBlock, parseBlock } from './parse';
import { Pool } from './pool';

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

/** Blocks are numbered as they come. */
export interface Work {
  /** @param text not to be used until it comes back */
  parse(block: number, text: Uint8Array<ArrayBuffer>): Promise<ParsedText>;
  keep(block: number, choice: Choice): Promise<Kept>;
  close(): Promise<void>;
}

export function workOn(task: Task, threads: number): Work {
  return threads > 0 ? inThreads(task, threads) : here(task);
}

export class Blocks {
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

function here(task: Task): Work {
  const blocks = new Blocks(task);
  return {
    parse: async (block, text) => blocks.parse(block, text),
    keep: async (block, choice) => blocks.keep(block, choice),
    close: async () => {},
  };
}

function inThreads(task: Task, threads: number): Work {
  const pool = new Pool(threads, task);
  const places = new Map<number, number>();
  return {
    parse(block, text) {
      const thread = pool.idlest();
      places.set(block, thread);
      return pool.run<ParsedText>({ block, parse: text }, thread, [text.buffer]);
    },
    keep(block, choice) {
      const thread = places.get(block)!;
      places.delete(block);
      return pool.run<Kept>({ block, keep: choice }, thread);
    },
    close: () => pool.close(),
  };
}
