/** An epoch, cut into the spans that go to the session. */
import { permutation } from '../random';

/** Batches [begin, end) of an epoch and the rows that they take. */
export interface EpochPart {
  begin: number;
  end: number;
  order: Uint32Array;
}

/** Rows 0 … rows−1 in the order in which an epoch trains them. */
export function epochOrder(rows: number, shuffle: boolean, seed: number, epoch: number): Uint32Array {
  if (shuffle) return permutation(rows, seed, epoch);
  const order = new Uint32Array(rows);
  for (let i = 0; i < rows; i++) order[i] = i;
  return order;
}

/**
 * Where the spans of an epoch end: at each multiple of any cadence, and after the last batch.
 * @param cadences batches between two calls of each callback that wants calls
 */
export function spanEnds(batches: number, cadences: readonly number[]): number[] {
  const ends = new Set([batches]);
  for (const every of cadences) for (let end = every; end < batches; end += every) ends.add(end);
  return [...ends].sort((a, b) => a - b);
}

export function* epochParts(
  order: Uint32Array,
  batchSize: number,
  cadences: readonly number[],
): Generator<EpochPart> {
  let begin = 0;
  for (const end of spanEnds(Math.ceil(order.length / batchSize), cadences)) {
    yield { begin, end, order: order.subarray(begin * batchSize, end * batchSize) };
    begin = end;
  }
}
