/** A table whose rows are to be predicted: read and checked as one that trains, without a label. */
import { type NDArray, ndarray } from './ndarray';
import { isNumbered, type LayoutOptions } from './table/layout';
import { readTable } from './table/read';
import { expand, type TableSchema, widthOf } from './table/schema';
import { Memory, type SpilledBlock } from './table/store';
import { BlockReader } from './table/stream';
import type { DataSource } from './unpack';

export interface InputsOptions extends Pick<LayoutOptions, 'missing' | 'decimal' | 'schema'> {
  /** Takes the first rows only, at most so many. */
  limit?: number;
  /** Whether rows are read from a file while they are predicted; default: of a table above 256 MiB. */
  stream?: boolean;
  /** Where that file is. */
  dataDir?: string;
}

export interface TableInputs {
  rows: number;
  /** Numbers a row. */
  width: number;
  hasHeader: boolean;
  /** x, a block of rows at a time. */
  chunks: AsyncIterable<NDArray>;
  /** Of a large table: gives back the file that holds its rows. */
  close(): Promise<void>;
}

/** @param options without a schema rows are numbers as they are @throws ERR_DATA_… naming the line and the column, ERR_LABEL_RANGE */
export async function openInputs(
  source: DataSource,
  kind: 'csv' | 'jsonl',
  { schema: known, missing, ...rest }: InputsOptions,
): Promise<TableInputs> {
  const { layout, store, summary } = await readTable(source, kind, {
    ...rest,
    schema: known,
    missing: known ? missing : 'refuse',
    unlabelled: true,
    split: [0, 0],
    seed: 0,
  });
  const schema = known ?? unscaled(layout.names);
  const width = widthOf(schema);
  const about = { rows: summary.rows, width, hasHeader: !isNumbered(layout) };
  if (store instanceof Memory) return { ...about, chunks: expanded(store, schema), close: async () => {} };
  const reader = new BlockReader(store, schema, undefined);
  return { ...about, chunks: streamed(reader, store.parts[0]), close: () => reader.close() };
}

function unscaled(names: readonly string[]): TableSchema {
  const columns = names.map((name) => ({ name, kind: 'number' as const, mean: 0, deviation: 1 }));
  return { columns, label: { name: '' }, scale: 'none' };
}

async function* expanded({ parts: [blocks] }: Memory, schema: TableSchema): AsyncGenerator<NDArray> {
  for (const { rows, values } of blocks) yield ndarray(expand(schema, values, rows), [rows, widthOf(schema)]);
}

async function* streamed(reader: BlockReader, blocks: readonly SpilledBlock[]): AsyncGenerator<NDArray> {
  for (const block of blocks) {
    const { rows, x } = await reader.read(block);
    yield ndarray(x, [rows, widthOf(reader.schema)]);
  }
}
