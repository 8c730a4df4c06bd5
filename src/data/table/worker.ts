/** The thread that reads: rows of text into numbers, and stored rows into what a model takes. */
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { NumericArray } from '../ndarray';
import { HeldBlocks, type ParsedText, type Task } from './held-blocks';
import type { Choice, Kept } from './keep';
import { expand, type TableSchema, targets } from './schema';
import type { SpilledBlock } from './store';

export interface ReadJob {
  fd: number;
  block: SpilledBlock;
  schema: TableSchema;
  order: ReadonlyMap<number, number> | undefined;
}

export type Job =
  | { id: number; block: number; parse: ParsedText['text'] }
  | { id: number; block: number; keep: Choice }
  | { id: number; read: ReadJob };

export interface ReadRows {
  rows: number;
  x: Float32Array | Uint8Array;
  y: ReturnType<typeof targets>;
}

type Result = ParsedText | Kept | ReadRows;
export type Done = { id: number; result: Result } | { id: number; error: string };

/** The columns of a block lie one after the other: values, then labels. */
function readBlock({ fd, block, schema, order }: ReadJob): ReadRows {
  const { at, rows, valueBytes, bytes } = block;
  const stored = new Uint8Array(valueBytes + rows * 4);
  for (let done = 0; done < stored.length; ) {
    const count = readSync(fd, stored, done, stored.length - done, at + done);
    if (count === 0) throw new Error('the stored rows end early');
    done += count;
  }
  const values = bytes ? stored.subarray(0, valueBytes) : new Float32Array(stored.buffer, 0, valueBytes / 4);
  const labels = new Float32Array(stored.slice(valueBytes).buffer);
  const x = expand(schema, values, rows);
  return { rows, x, y: targets(labels, order) };
}

const blocks = new HeldBlocks(workerData as Task);

function resultOf(job: Job): Result {
  if ('read' in job) return readBlock(job.read);
  return 'parse' in job ? blocks.parse(job.block, job.parse) : blocks.keep(job.block, job.keep);
}

/** What need not be copied on its way. */
function buffersOf(result: Result): ArrayBuffer[] {
  const arrays = arraysOf(result);
  return [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))];
}

function arraysOf(result: Result): NumericArray[] {
  if ('x' in result) return [result.x, result.y.data];
  if ('blocks' in result) return result.blocks.map(({ values }) => values);
  return [result.text, ...('labels' in result.result ? [result.result.labels] : [])];
}

parentPort?.on('message', (job: Job) => {
  const { id } = job;
  try {
    const result = resultOf(job);
    parentPort!.postMessage({ id, result } satisfies Done, buffersOf(result));
  } catch (error) {
    parentPort!.postMessage({ id, error: (error as Error).message } satisfies Done);
  }
});
