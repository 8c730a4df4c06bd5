/** A table of text, read whole: every row is checked once, and what its columns are is known when it ends. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { FusorError } from '../../errors';
import { ioError, READ_FLAGS, systemCode } from '../../io/system-error';
import { requireMemory } from '../../memory';
import { dataFolder } from '../cache';
import { foreign } from '../idx';
import { Splitter } from '../split';
import { rowBlocks } from './blocks';
import { csvLayout, jsonlLayout, type TableLayout, type TableOptions } from './layout';
import { type BadRow, isBadRow, type ParsedBlock, parseBlock } from './parse';
import { Pool } from './pool';
import { type KeptBlock, Memory, Spill } from './store';
import { TableSummary } from './summary';

export interface TableReadOptions extends TableOptions {
  /** Shares of the rows to validate and to test with, and the seed that chooses them. */
  split: readonly [validation: number, test: number];
  seed: number;
  limit?: number;
  /** Whether the rows are kept in a file; by default those of a table of more than 256 MiB. */
  stream?: boolean;
  dataDir?: string;
}

export interface ReadTable {
  name: string;
  file: string;
  sha256: string;
  layout: TableLayout;
  summary: TableSummary;
  store: Memory | Spill;
}

const HEAD = 1 << 20;
const STREAM_FROM = 1 << 28;
/** Below that a thread takes longer to start than to read. */
const ALONE = 8 << 20;

/** @throws ERR_DATA_… naming the line and the column, ERR_ARG for an option, ERR_IO, ERR_OUT_OF_MEMORY */
export async function readTable(
  file: string,
  kind: TableLayout['kind'],
  options: TableReadOptions,
): Promise<ReadTable> {
  let handle: FileHandle;
  try {
    handle = await open(file, READ_FLAGS);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw ioError(error, 'read the data file', file);
    throw new FusorError('ERR_DATA_MISSING', ['no such data file', file, 'check the path'], { file });
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile())
      throw new FusorError('ERR_DATA_FORMAT', ['not a regular file', file, 'name a data file'], { file });
    const { size } = stat;
    const head = await headOf(handle, file, size);
    const layout = (kind === 'csv' ? csvLayout : jsonlLayout)(file, head, options);
    const spilled = options.stream ?? size > STREAM_FROM;
    if (!spilled) requireMemory(2 * size, 'the rows', file, 'take a part of them (limit)');
    const store = spilled ? new Spill(join(dataFolder(options.dataDir), 'tmp')) : new Memory();
    try {
      const reading = new Reading(layout, store, options);
      const sha256 = await reading.all(handle, head, size);
      const now = (await handle.stat()).size;
      if (now !== size)
        throw new FusorError(
          'ERR_IO',
          ['the file changed while it was read', file, 'try again when it is whole'],
          { file },
        );
      return {
        name: basename(file).replace(/\.\w+$/, ''),
        file,
        sha256,
        layout,
        summary: reading.summary,
        store,
      };
    } catch (error) {
      store.discard();
      throw error;
    }
  } finally {
    await handle.close();
  }
}

/** The first whole lines. */
async function headOf(handle: FileHandle, file: string, size: number): Promise<Buffer> {
  const head = Buffer.alloc(Math.min(size, HEAD));
  let bytesRead: number;
  try {
    ({ bytesRead } = await handle.read(head, 0, head.length, 0));
  } catch (error) {
    throw ioError(error, 'read the data file', file);
  }
  const packed = head[0] === 0x1f && head[1] === 0x8b;
  if (packed)
    throw new FusorError('ERR_DATA_FORMAT', ['a gzip file', file, 'unpack it first (gunzip)'], { file });
  const other = foreign({ head: head.subarray(0, 64), file }, 'name a table of text');
  if (other) throw other;
  const refuse = (what: string, mend: string) =>
    new FusorError('ERR_DATA_FORMAT', [what, file, mend], { file });
  if (head.includes(0)) throw refuse('this is no text: it holds NUL bytes', 'save the table as UTF-8');
  if (head.includes(13) && !head.includes(10))
    throw refuse('its lines end with CR alone', 'save it with LF, or CR and LF');
  if (bytesRead === size) return head.subarray(0, bytesRead);
  const end = head.lastIndexOf(10) + 1;
  if (head.indexOf(10) < end - 1) return head.subarray(0, end);
  throw refuse(`the first two lines are longer than ${HEAD} bytes`, 'is this a table of text?');
}

class Reading {
  readonly summary: TableSummary;
  readonly #splitter: Splitter;
  #left: number;
  #line: number;

  constructor(
    private readonly layout: TableLayout,
    private readonly store: Memory | Spill,
    { split, seed, limit, schema }: TableReadOptions,
  ) {
    this.#splitter = new Splitter(split, seed);
    this.#left = limit ?? Number.POSITIVE_INFINITY;
    this.#line = layout.line;
    this.summary = new TableSummary(layout, schema);
  }

  /** @returns the file's sha256 */
  async all(handle: FileHandle, head: Buffer, size: number): Promise<string> {
    const { layout } = this;
    const { start, file, kind } = layout;
    const hash = createHash('sha256').update(head.subarray(0, start));
    this.summary.centre(this.#first(head.subarray(start)));
    const threads = size < ALONE ? 0 : Math.min(4, availableParallelism());
    const pool = threads > 0 ? new Pool(threads, layout) : undefined;
    const pending: Promise<ParsedBlock | BadRow>[] = [];
    try {
      for await (const block of rowBlocks(handle, file, start, kind === 'csv', (bytes) =>
        hash.update(bytes),
      )) {
        // What is beyond the limit counts for the digest only.
        if (this.#left <= 0) continue;
        pending.push(
          pool
            ? pool.run<ParsedBlock | BadRow>({ parse: block }, [block.buffer])
            : Promise.resolve(parseBlock(block, layout)),
        );
        if (pending.length > threads + 1) await this.#take(await pending.shift()!);
      }
      for (const result of pending) await this.#take(await result);
    } finally {
      await pool?.close();
    }
    this.summary.finish();
    return hash.digest('hex');
  }

  #first(head: Buffer): ParsedBlock {
    const first = parseBlock(head, this.layout);
    if (isBadRow(first)) throw this.#bad(first);
    return first;
  }

  async #take(result: ParsedBlock | BadRow): Promise<void> {
    if (isBadRow(result)) throw this.#bad(result);
    this.#line += result.lines;
    if (this.#left <= 0) return;
    const rows = Math.min(this.#left, result.rows);
    this.#left -= rows;
    const block = this.summary.add(result, rows);
    const parts = this.#splitter.assign(block.labels);
    for (const part of [0, 1, 2]) {
      const chosen = pick(block, parts, part);
      if (part === 0) this.summary.learn(chosen);
      if (chosen.rows > 0) await this.store.add(part, chosen);
    }
  }

  #bad({ line, what, mend }: BadRow): FusorError {
    const { file } = this.layout;
    const at = this.#line + line + 1;
    return new FusorError('ERR_DATA_FORMAT', [what, `${file}, line ${at}`, mend], { file, line: at });
  }
}

function pick(block: KeptBlock, parts: Uint8Array, part: number): KeptBlock {
  const width = block.values.length / Math.max(1, block.rows);
  const rows = parts.reduce((sum, each) => sum + Number(each === part), 0);
  if (rows === block.rows) return block;
  const values = block.values.slice(0, rows * width);
  const labels = new Float32Array(rows);
  let to = 0;
  for (let row = 0; row < block.rows; row++) {
    if (parts[row] !== part) continue;
    values.set(block.values.subarray(row * width, (row + 1) * width), to * width);
    labels[to++] = block.labels[row];
  }
  return { rows, values, labels };
}
