/** The rows of a large table, read again in each epoch by a thread of their own. */
import { FusorError } from '../../errors';
import { permutation } from '../../random';
import { ndarray } from '../ndarray';
import type { EpochAt, RowStream } from '../row-source';
import { Pool } from './pool';
import { type TableSchema, widthOf } from './schema';
import type { Spill, SpilledBlock } from './store';
import type { ReadJob, ReadRows } from './worker';

/** Blocks that are read ahead. */
const AHEAD = 3;
/** Apart from the streams that order the rows of buffers. */
const ORDER_STREAM = 2 ** 24 - 1;

/** Reads the blocks of a file; its thread is started when first needed. */
export class BlockReader {
  #pool: Pool | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    private readonly spill: Spill,
    readonly schema: TableSchema,
    private readonly order: ReadonlyMap<number, number> | undefined,
  ) {}

  /** @throws ERR_STATE when it is closed, also while the block is read */
  async read(block: SpilledBlock): Promise<ReadRows> {
    const closed = () => new FusorError('ERR_STATE', ['the data is closed', '', 'open it again']);
    if (this.#closed) throw closed();
    this.#pool ??= new Pool(1);
    const read: ReadJob = { fd: this.spill.fd, block, schema: this.schema, order: this.order };
    try {
      return await this.#pool.run<ReadRows>({ read });
    } catch (error) {
      throw this.#closed ? closed() : error;
    }
  }

  /** Gives the file back; the streams are then of no more use. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    await this.#pool?.close();
    await this.spill.close();
  }
}

export function blockStream(
  reader: BlockReader,
  blocks: readonly SpilledBlock[],
  fingerprint: string,
): RowStream & { shape: number[] } {
  const width = widthOf(reader.schema);
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  /** Blocks in another order each epoch: with the rows shuffled in buffers of many blocks. */
  async function* at({ epoch, seed, shuffle }: EpochAt) {
    const order = shuffle
      ? permutation(blocks.length, seed, epoch, ORDER_STREAM)
      : Uint32Array.from(blocks.keys());
    const ahead: Promise<ReadRows>[] = [];
    for (let next = 0; next < order.length || ahead.length > 0; ) {
      while (ahead.length < AHEAD && next < order.length) {
        const block = reader.read(blocks[order[next++]]);
        // That it failed is told when its turn comes.
        block.catch(() => {});
        ahead.push(block);
      }
      const { rows, x, y } = await ahead.shift()!;
      yield { x: ndarray(x, [rows, width]), y };
    }
  }
  const first = { epoch: 0, seed: 0, shuffle: false };
  return { rows, shape: [rows, width], fingerprint, at, [Symbol.asyncIterator]: () => at(first) };
}
