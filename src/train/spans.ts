/** An epoch, cut into the spans that go to the session. */
import { permutation } from '../random';

/** Batches [begin, end) of an epoch and the rows that they take. */
export interface EpochPart {
  begin: number;
  end: number;
  order: Uint32Array;
}

/** Rows 0 … rows−1 of an epoch's buffer (by number; of arrays there is one) in the order in which they are trained. */
export function epochOrder(
  rows: number,
  shuffle: boolean,
  seed: number,
  epoch: number,
  buffer = 0,
): Uint32Array {
  if (shuffle) return permutation(rows, seed, epoch, buffer);
  const order = new Uint32Array(rows);
  for (let i = 0; i < rows; i++) order[i] = i;
  return order;
}

/** Where the callbacks want to be called. */
export interface Cadences {
  /** Batches of an epoch between two calls, one for each callback that wants some. */
  batches: readonly number[];
  /** Steps since training began between two calls, likewise. */
  steps: readonly number[];
}

/**
 * The part of an epoch from batch `begin` to the next multiple of any cadence, at most to the end of `order`.
 * @param step steps done since training began
 * @param first the batch of the epoch with which `order` begins
 */
export function nextPart(
  order: Uint32Array,
  batchSize: number,
  begin: number,
  step: number,
  { batches, steps }: Cadences,
  first = 0,
): EpochPart {
  const end = Math.min(
    first + Math.ceil(order.length / batchSize),
    ...batches.map((every) => begin + every - (begin % every)),
    ...steps.map((every) => begin + every - (step % every)),
  );
  return { begin, end, order: order.subarray((begin - first) * batchSize, (end - first) * batchSize) };
}
