/** A table of text, read whole: every row is checked once, and what its columns are is known when it ends. */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { FusorError } from '../../errors';
import { requireMemory } from '../../memory';
import { dataFolder } from '../cache';
import { foreign } from '../idx';
import { Splitter } from '../split';
import type { DataSource } from '../unpack';
import { BlockMemory, rowBlocks } from './blocks';
import type { ParsedRows, ParsedText } from './held-blocks';
import type { Kept } from './keep';
import {
  csvLayout,
  delimiterOf,
  jsonlLayout,
  type LayoutOptions,
  type TableLayout,
  type TableOptions,
  textStart,
} from './layout';
import { type BadRow, isBadRow, parseBlock } from './parse';
import { lastRowEnd } from './row-ends';
import { openSource, type TableSource } from './source';
import { Memory, Spill } from './store';
import { TableSummary } from './summary';
import { type Work, workOn } from './work';

export interface TableReadOptions extends LayoutOptions {
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
  from: DataSource,
  kind: TableLayout['kind'],
  options: TableReadOptions,
): Promise<ReadTable> {
  const source = await openSource(from);
  const { file, size } = source;
  try {
    const bytes = await headOf(source);
    const head = bytes.length === size ? bytes : wholeRows(bytes, file, kind, options);
    const layout = (kind === 'csv' ? csvLayout : jsonlLayout)(file, head, options);
    const spilled = options.stream ?? size > STREAM_FROM;
    if (!spilled) requireMemory(2 * size, 'the rows', file, 'take a part of them (limit)');
    const store = spilled ? new Spill(join(dataFolder(options.dataDir), 'tmp')) : new Memory();
    try {
      const threads = size < ALONE ? 0 : Math.min(4, availableParallelism());
      const reading = new Reading(layout, head, store, threads, options);
      const sha256 = await reading.all(source);
      await source.checkUnchanged();
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
    await source.close();
  }
}

async function headOf(source: TableSource): Promise<Buffer> {
  const { file, size } = source;
  const head = Buffer.alloc(Math.min(size, HEAD));
  const bytesRead = await source.read(head, 0);
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
  return head.subarray(0, bytesRead);
}

/** Those that the file's first bytes hold to their end. */
function wholeRows(head: Buffer, file: string, kind: TableLayout['kind'], options: TableReadOptions): Buffer {
  const delimiter = kind === 'csv' ? delimiterOf(head, options) : '';
  const end = lastRowEnd(head, textStart(head), delimiter);
  if (head.indexOf(10) < end - 1) return head.subarray(0, end);
  throw new FusorError(
    'ERR_DATA_FORMAT',
    [
      `the first two lines are longer than ${HEAD} bytes`,
      file,
      'is this a table of text, with closed quotes?',
    ],
    { file },
  );
}

class Reading {
  readonly summary: TableSummary;
  readonly #splitter: Splitter;
  readonly #task: TableOptions['task'];
  readonly #work: Work;
  readonly #memory = new BlockMemory();
  /** Blocks on their way, in their order. */
  readonly #parsing: Promise<ParsedText>[] = [];
  readonly #keeping: Promise<Kept>[] = [];
  #parsed = 0;
  #taken = 0;
  #left: number;
  #line: number;

  constructor(
    private readonly layout: TableLayout,
    private readonly head: Buffer,
    private readonly store: Memory | Spill,
    private readonly threads: number,
    { split, seed, limit, schema, task }: TableReadOptions,
  ) {
    this.#splitter = new Splitter(split, seed);
    this.#task = task;
    this.#left = limit ?? Number.POSITIVE_INFINITY;
    this.#line = layout.line;
    const first = parseBlock(head.subarray(layout.start), layout);
    if (isBadRow(first)) throw this.#bad(first);
    const centre = meansOf(first.values, layout.features.length);
    this.summary = new TableSummary(layout, centre, schema);
    this.#work = workOn({ layout, centre }, threads);
  }

  /** @returns the file's sha256 */
  async all(source: TableSource): Promise<string> {
    const { start, delimiter } = this.layout;
    const hash = createHash('sha256').update(this.head.subarray(0, start));
    try {
      const digest = (bytes: Uint8Array) => hash.update(bytes);
      for await (const text of rowBlocks(source, start, delimiter, this.#memory, digest)) {
        // What is beyond the limit counts for the digest only.
        if (this.#left <= 0) this.#memory.give(text);
        else this.#parsing.push(this.#work.parse(this.#parsed++, text));
        await this.#go(this.threads + 1);
      }
      await this.#go(0);
    } finally {
      await this.#work.close();
    }
    this.summary.finish();
    return hash.digest('hex');
  }

  /** @param ahead blocks that may still be in work afterwards */
  async #go(ahead: number): Promise<void> {
    while (this.#parsing.length > ahead) {
      const { text, result } = await this.#parsing.shift()!;
      this.#memory.give(text);
      this.#choose(result);
    }
    while (this.#keeping.length > ahead) await this.#store(await this.#keeping.shift()!);
  }

  #choose(result: ParsedRows | BadRow): void {
    if (isBadRow(result)) throw this.#bad(result);
    const block = this.#taken++;
    const line = this.#line;
    this.#line += result.lines;
    if (this.#left <= 0) return;
    const rows = Math.min(this.#left, result.rows);
    this.#left -= rows;
    const numbered = this.summary.number(result, rows, line);
    // By what has come so far: most tables are one block, and of others later ones know better.
    const parts = this.#splitter.assign(
      rows,
      this.summary.hasClasses(this.#task) ? numbered.labels : undefined,
    );
    this.#keeping.push(this.#work.keep(block, { ...numbered, parts }));
  }

  async #store(kept: Kept): Promise<void> {
    this.summary.learn(kept);
    for (const [part, block] of kept.blocks.entries()) if (block.rows > 0) await this.store.add(part, block);
  }

  #bad({ line, what, mend }: BadRow): FusorError {
    const { file } = this.layout;
    const at = this.#line + line + 1;
    return new FusorError('ERR_DATA_FORMAT', [what, `${file}, line ${at}`, mend], { file, line: at });
  }
}

/** Of each column, over the rows that have it; 0 where none does. */
function meansOf(values: ArrayLike<number>, width: number): Float64Array {
  const [sums, counts] = [new Float64Array(width), new Float64Array(width)];
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    sums[i % width] += values[i];
    counts[i % width]++;
  }
  return sums.map((sum, f) => sum / Math.max(1, counts[f]));
}
