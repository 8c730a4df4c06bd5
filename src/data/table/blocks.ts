import { FusorError } from '../../errors';
import { lastRowEnd } from './row-ends';
import type { TableSource } from './source';

const BLOCK = 4 << 20;
const UNIT = 1 << 20;
const LONGEST_ROW = 64 << 20;

/** Memory that goes from thread to thread and is used again: new memory costs more than reading into it. */
export class BlockMemory {
  readonly #free: ArrayBuffer[] = [];

  take(size: number): Uint8Array<ArrayBuffer> {
    const found = this.#free.findIndex(({ byteLength }) => byteLength >= size);
    if (found >= 0) return new Uint8Array(this.#free.splice(found, 1)[0], 0, size);
    return new Uint8Array(new ArrayBuffer(Math.ceil(size / UNIT) * UNIT), 0, size);
  }

  /** @param bytes which nobody reads any more */
  give({ buffer }: Uint8Array<ArrayBuffer>): void {
    this.#free.push(buffer);
  }
}

/**
 * The rows of a table, in blocks of about 4 MiB that end where a row does. @param memory where blocks are taken from, and go back
 * to when they have been read @param delimiter '' where quotes are text @param each is told all bytes in turn
 */
export async function* rowBlocks(
  source: TableSource,
  start: number,
  delimiter: string,
  memory: BlockMemory,
  each: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  let rest: Uint8Array = new Uint8Array(0);
  let want = BLOCK;
  for (let at = start; ; ) {
    const block = memory.take(rest.length + want);
    block.set(rest);
    const bytesRead = await source.read(block.subarray(rest.length), at);
    each(block.subarray(rest.length, rest.length + bytesRead));
    at += bytesRead;
    const filled = rest.length + bytesRead;
    // The end. A last row without a newline is of the block that it would be of with one.
    if (bytesRead < want) {
      if (filled > 0) yield block.subarray(0, filled);
      return;
    }
    const end = lastRowEnd(block.subarray(0, filled), 0, delimiter);
    if (end === 0) {
      if (filled > LONGEST_ROW)
        throw new FusorError(
          'ERR_DATA_FORMAT',
          [
            'a row of more than 64 MiB',
            `${source.file}, byte ${at - filled}`,
            'are quotes closed, and lines ended by a newline?',
          ],
          { file: source.file },
        );
      rest = block.subarray(0, filled);
      want = Math.max(BLOCK, filled);
      continue;
    }
    want = BLOCK;
    rest = block.slice(end, filled);
    yield block.subarray(0, end);
  }
}
