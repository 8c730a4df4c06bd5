/** The work on the blocks of a table that is read, in threads or, of a small one, where it is read. */
import { HeldBlocks, type ParsedText, type Task } from './held-blocks';
import type { Choice, Kept } from './keep';
import { Pool } from './pool';

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

function here(task: Task): Work {
  const blocks = new HeldBlocks(task);
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
