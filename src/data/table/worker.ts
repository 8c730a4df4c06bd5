/** The thread that reads: rows of text into numbers, and stored rows into what a model takes. */
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { TableLayout } from './layout';
import { type BadRow, isBadRow, type ParsedBlock, parseBlock } from './parse';
import { expand, type TableSchema, targets } from './schema';
import type { SpilledBlock } from './store';

export interface ReadJob {
  fd: number;
  block: SpilledBlock;
  schema: TableSchema;
  order: ReadonlyMap<number, number> | undefined;
}

export type Job = { id: number; parse: Uint8Array } | { id: number; read: ReadJob };

export interface ReadRows {
  rows: number;
  x: Float32Array | Uint8Array;
  y: ReturnType<typeof targets>;
}

export type Done = { id: number; result: ParsedBlock | BadRow | ReadRows } | { id: number; error: string };

/** The columns of a block lie one after the other: values, then labels. */
export function readBlock({ fd, block, schema, order }: ReadJob): ReadRows {
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

parentPort?.on('message', (job: Job) => {
  try {
    if ('read' in job) {
      const result = readBlock(job.read);
      const buffers = new Set([result.x.buffer, result.y.data.buffer] as ArrayBuffer[]);
      parentPort!.postMessage({ id: job.id, result } satisfies Done, [...buffers]);
      return;
    }
    const result = parseBlock(job.parse, workerData as TableLayout);
    const buffers = isBadRow(result)
      ? []
      : [result.values.buffer as ArrayBuffer, result.labels.buffer as ArrayBuffer];
    parentPort!.postMessage({ id: job.id, result } satisfies Done, buffers);
  } catch (error) {
    parentPort!.postMessage({ id: job.id, error: (error as Error).message } satisfies Done);
  }
});
