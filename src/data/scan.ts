import type { NumericArray } from './ndarray';

/** Index of the first NaN or infinity, −1 if there is none. */
export function firstNonFinite(values: NumericArray): number {
  // v·0 is NaN for exactly these; a block's sum tells with one branch.
  const block = 4096;
  for (let begin = 0; begin < values.length; begin += block) {
    const end = Math.min(begin + block, values.length);
    let sum = 0;
    for (let i = begin; i < end; i++) sum += values[i] * 0;
    if (sum === 0) continue;
    for (let i = begin; i < end; i++) if (!Number.isFinite(values[i])) return i;
  }
  return -1;
}

/** Index of the first value that is no integer in [0, classes); −1 when there is none. */
export function firstBadLabel(labels: NumericArray, classes: number): number {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    // Written so that NaN is bad, too.
    if (!(label >= 0 && label < classes && Math.floor(label) === label)) return i;
  }
  return -1;
}
