/** What becomes of a block's rows once all blocks before it are known: done where the block was parsed. */
import { PARTS } from '../split';
import { Moments } from './moments';
import type { KeptBlock } from './store';

export interface Choice {
  /** The part of each row that is kept, and its label; what is beyond them is not. */
  parts: Uint8Array;
  labels: Float32Array;
  /** By feature, the numbers that the whole table gives to the block's categories. */
  renumbered: ReadonlyMap<number, readonly number[]>;
}

export interface Kept {
  /** By part. */
  blocks: KeptBlock[];
  /** Of the rows that train; and of their labels, where these are values. */
  moments: Moments;
  labels: Moments;
  /** Of bytes: whether one is above 127. */
  high: boolean;
}

type Values = KeptBlock['values'];

/** @param all values of the block, [rows, columns]: not to be used afterwards @param centre of each column, see Moments */
export function keep(all: Values, centre: Float64Array, choice: Choice): Kept {
  const { parts, labels } = choice;
  const width = centre.length;
  const whole = all.subarray(0, parts.length * width);
  const high = whole instanceof Uint8Array && isHigh(whole);
  const values = renumber(whole, width, choice.renumbered);
  const blocks = PARTS.map((_, part) => pick({ rows: parts.length, values, labels }, width, parts, part));
  const moments = new Moments(centre);
  moments.add(blocks[0].values);
  const ofLabels = new Moments(new Float64Array(1));
  ofLabels.add(blocks[0].labels);
  return { blocks, moments, labels: ofLabels, high };
}

function isHigh(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] > 127) return true;
  return false;
}

function renumber(given: Values, width: number, renumbered: Choice['renumbered']): Values {
  const wide = [...renumbered.values()].some((ids) => ids.some((id) => id > 255));
  const values = wide && given instanceof Uint8Array ? Float32Array.from(given) : given;
  for (const [feature, ids] of renumbered)
    for (let i = feature; i < values.length; i += width) values[i] = ids[values[i]];
  return values;
}

function pick(block: KeptBlock, width: number, parts: Uint8Array, part: number): KeptBlock {
  let rows = 0;
  for (let row = 0; row < parts.length; row++) if (parts[row] === part) rows++;
  if (rows === block.rows) return block;
  const values = block.values.slice(0, rows * width);
  const labels = new Float32Array(rows);
  let to = 0;
  // Rows of one part that follow each other at once.
  for (let from = 0, end = 0; from < block.rows; from = end) {
    while (end < block.rows && parts[end] === parts[from]) end++;
    if (parts[from] !== part) continue;
    values.set(block.values.subarray(from * width, end * width), to * width);
    labels.set(block.labels.subarray(from, end), to);
    to += end - from;
  }
  return { rows, values, labels };
}
