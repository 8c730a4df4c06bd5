/** Targets that are less sure: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7. */
import type { LossPlan } from '../backend/contract';

/**
 * y·(1 − s) + s/n, n the outputs of a row, each a class; of binaryCrossentropy, whose outputs are classes by themselves, n = 2.
 * Which class is the greatest, or whether one is above a half, stays.
 * @param values [rows, outputs], from 0 to 1
 */
export function smoothed(
  { kind, labelSmoothing }: LossPlan,
  values: Float32Array,
  outputs: number,
): Float32Array {
  if (labelSmoothing === undefined) return values;
  const share = labelSmoothing / (kind === 'binaryCrossentropy' ? 2 : outputs);
  return values.map((value) => value * (1 - labelSmoothing) + share);
}
