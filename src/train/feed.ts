/** What the epochs train on, one stretch after the other: the rows on the device, or buffer after buffer of a stream. */
import type { Dataset, Session, TrainPlan } from '../backend/contract';
import { type ExampleStream, isStream } from '../data/row-source';
import { FusorError } from '../errors';
import { buffersOf } from './buffers';
import { type Ends, unlessEnded } from './ends';
import type { FitJob } from './job';
import { epochOrder } from './spans';

/** Rows on the device and the order in which the epoch takes them. */
export interface Stretch {
  data: Dataset;
  order: Uint32Array;
  /** Number of its first batch in the epoch. */
  first: number;
  /** Whether the epoch ends with it. */
  last: boolean;
  release(): void;
}

export type Feed = AsyncGenerator<Stretch, void, void>;

/** From `epoch` on to the end of the fit. @param batch where to begin in it @param left aborted when nobody wants more */
export function feedOf(
  job: FitJob,
  data: Dataset | undefined,
  epoch: number,
  batch: number,
  left: AbortSignal,
): Feed {
  return isStream(job.examples) ? streamed(job, job.examples, epoch, batch, left) : whole(job, data!, epoch);
}

/** The data stays on the device; only the order is drawn, an epoch ahead. */
async function* whole({ trainRows, shuffle, seed, epochs }: FitJob, data: Dataset, epoch: number): Feed {
  const release = () => {};
  let order: Uint32Array | undefined;
  for (; epoch < epochs; epoch++) {
    if (shuffle || !order) order = epochOrder(trainRows, shuffle, seed, epoch);
    yield { data, order, first: 0, last: true, release };
  }
}

/**
 * Each buffer goes to the device when the one before begins to train. Rows are shuffled within a buffer, so that one
 * buffer that holds all of them trains as arrays do.
 */
async function* streamed(
  job: FitJob,
  stream: ExampleStream,
  epoch: number,
  batch: number,
  left: AbortSignal,
): Feed {
  const { session, plan, batchSize, seed, shuffle, epochs } = job;
  const size = bufferRowsOf(plan, batchSize, job.bufferRows);
  for (let skip = batch; epoch < epochs; epoch++, skip = 0) {
    let first = 0;
    let number = 0;
    for await (const { examples, last } of buffersOf(stream.chunks({ epoch, seed, shuffle }, left), size)) {
      const batches = Math.ceil(examples.rows / batchSize);
      if (first + batches > skip || last) {
        const order = epochOrder(examples.rows, shuffle, seed, epoch, number);
        const data = await session.upload(job.weighted ? job.weighted(examples) : examples);
        yield { data, order, first, last, release: () => data.dispose() };
      }
      first += batches;
      number++;
    }
    if (first === 0) throw noRows(stream.where, epoch);
  }
}

/** Loss and metrics over all rows of a stream. @param where the function that the user called */
export async function evaluateStream(
  session: Session,
  stream: ExampleStream,
  job: Pick<FitJob, 'plan' | 'batchSize' | 'seed' | 'bufferRows'> & Ends & { epoch: number },
  where: string,
): Promise<{ loss: number; metrics: number[] }> {
  const { plan, epoch, seed, batchSize, signal } = job;
  const size = bufferRowsOf(plan, batchSize, job.bufferRows);
  const sums: number[] = [];
  let rows = 0;
  const left = new AbortController();
  const buffers = buffersOf(stream.chunks({ epoch, seed, shuffle: false }, left.signal), size);
  try {
    for (;;) {
      const { value, done } = await unlessEnded(buffers.next(), job, where);
      if (done) break;
      const data = await session.upload(value.examples);
      try {
        const found = await session.evaluate(data, { begin: 0, end: data.rows }, batchSize, signal);
        for (const [i, mean] of [found.loss, ...found.metrics].entries())
          sums[i] = (sums[i] ?? 0) + mean * data.rows;
        rows += data.rows;
      } finally {
        data.dispose();
      }
    }
  } finally {
    left.abort();
    buffers.return().catch(() => {});
  }
  if (rows === 0) throw noRows(stream.where, epoch);
  const [loss, ...metrics] = sums.map((sum) => sum / rows);
  return { loss, metrics };
}

const BUFFER_BYTES = 2 ** 25;

/** What was asked for, else a whole number of batches, of about 32 MiB; what is float32 may turn out to be bytes, and takes less. */
export function bufferRowsOf(
  { features }: TrainPlan,
  batchSize: number,
  bufferRows?: number | null | undefined,
): number {
  const rows = Math.floor(BUFFER_BYTES / (4 * features));
  return bufferRows ?? Math.max(1, Math.floor(rows / batchSize)) * batchSize;
}

function noRows(where: string, epoch: number): FusorError {
  const cure =
    epoch === 0
      ? 'give at least one'
      : 'an iterator can be gone through once: give a function that makes one for each epoch';
  return new FusorError('ERR_DATA_EMPTY', ['the source gave no rows', `${where}, epoch ${epoch + 1}`, cure], {
    epoch,
  });
}
