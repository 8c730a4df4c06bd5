/** A file of CSV or JSON lines as rows to train, validate and test with. */
import { FusorError } from '../errors';
import { sha256 } from './digests';
import type { LabelledRows } from './entry';
import type { NDArray } from './ndarray';
import type { RowStream } from './row-source';
import { PARTS } from './split';
import type { TableOptions } from './table/layout';
import { readTable } from './table/read';
import { expand, type TableSchema, targets, widthOf } from './table/schema';
import { type KeptBlock, Memory, type Spill } from './table/store';
import { BlockReader, blockStream } from './table/stream';

export interface OpenTableOptions extends TableOptions {
  /** 'auto': bytes stay bytes where all columns are and one is above 127, else 'standard'. */
  scale?: 'auto' | TableSchema['scale'];
  /** Shares of the rows to validate and to test with, each in [0, 1), together below 1; of classes, the same of each. Default 0. */
  validation?: number;
  test?: number;
  /** Which rows those are; the same for the same seed. Default 0. */
  seed?: number;
  /** Takes the first rows only, at most so many. */
  limit?: number;
  /** Whether rows are read from a file while training, instead of from memory; default: of a table above 256 MiB. */
  stream?: boolean;
  /** Where a streamed table's numbers are kept meanwhile; default: FUSOR_DATA, or the cache folder. */
  dataDir?: string;
}

/** Rows in memory, or, of what is large, a source of them for fit. */
export type Rows = LabelledRows | (RowStream & { shape: number[] });

export interface OwnData {
  name: string;
  train: Rows;
  validation?: Rows;
  test?: Rows;
  sha256: string;
  /** 0 where a value is predicted. */
  classes: number;
  classNames?: readonly string[];
  /** Brings x to about 0 … 1; without it 1/255, as for pixels. */
  scale?: number;
  /** The file or folder. */
  folder: string;
  /** Of a table: what its columns became. */
  schema?: TableSchema;
  /** Of what is large: gives back the file that holds its rows. */
  close?(): Promise<void>;
}

export async function openTable(
  file: string,
  kind: 'csv' | 'jsonl',
  options: OpenTableOptions,
): Promise<OwnData> {
  const { validation = 0, test = 0, seed = 0, task, scale = 'auto', ...rest } = options;
  const table = await readTable(file, kind, { ...rest, task, split: [validation, test], seed });
  try {
    const { schema, order } = table.summary.schema(task, scale);
    // What decides the rows of each part, and their numbers.
    const taken = [table.sha256, schema, validation, test, seed, rest.limit ?? null, rest.missing ?? 'error'];
    const made =
      table.store instanceof Memory
        ? inMemory(table.store, schema, order)
        : streamed(table.store, schema, order, sha256(JSON.stringify(taken)));
    for (const [i, share] of [validation, test].entries())
      if (share > 0 && !made.rows[i + 1])
        throw new FusorError('ERR_DATA_EMPTY', [
          `of ${table.summary.rows} rows none is left for ${PARTS[i + 1]}`,
          file,
          'give more rows, or a greater share',
        ]);
    const [train, validate, tested] = made.rows;
    if (!train)
      throw new FusorError('ERR_DATA_EMPTY', [
        `of ${table.summary.rows} rows none is left to train`,
        file,
        'give more rows',
      ]);
    const classes = schema.label.classes;
    return {
      name: table.name,
      train,
      validation: validate,
      test: tested,
      sha256: table.sha256,
      classes: classes?.length ?? 0,
      classNames: classes,
      scale: schema.scale === 'bytes' ? undefined : 1,
      folder: file,
      schema,
      close: made.close,
    };
  } catch (error) {
    table.store.discard();
    throw error;
  }
}

type Made = { rows: (Rows | undefined)[]; close?: () => Promise<void> };

function inMemory(store: Memory, schema: TableSchema, order: Map<number, number> | undefined): Made {
  const rows = store.parts.map((blocks) => {
    if (blocks.length === 0) return undefined;
    const { rows: count, values, labels } = joined(blocks);
    const x: NDArray = { data: expand(schema, values, count), shape: [count, widthOf(schema)] };
    return { x, y: targets(labels, order) };
  });
  return { rows };
}

function joined(blocks: readonly KeptBlock[]): KeptBlock {
  if (blocks.length === 1) return blocks[0];
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  const width = blocks[0].values.length / blocks[0].rows;
  const bytes = blocks.every(({ values }) => values[Symbol.toStringTag] === 'Uint8Array');
  const values = new (bytes ? Uint8Array : Float32Array)(rows * width);
  const labels = new Float32Array(rows);
  let at = 0;
  for (const block of blocks) {
    values.set(block.values, at * width);
    labels.set(block.labels, at);
    at += block.rows;
  }
  return { rows, values, labels };
}

function streamed(
  store: Spill,
  schema: TableSchema,
  order: Map<number, number> | undefined,
  taken: string,
): Made {
  const reader = new BlockReader(store, schema, order);
  const rows = store.parts.map((blocks, part) =>
    blocks.length === 0 ? undefined : blockStream(reader, blocks, `${taken} ${PARTS[part]} ${blocks.length}`),
  );
  return { rows, close: () => reader.close() };
}
