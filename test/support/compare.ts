/** Comparison of numbers: what the conformance suite and the kernel gates mean by "the same". */

type Values = ArrayLike<number>;

/** ‖actual − expected‖ / ‖expected‖; NaN anywhere gives NaN, which no tolerance admits. */
export function relativeL2(actual: Values, expected: Values): number {
  if (actual.length !== expected.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** The greatest |actual − expected| / max(|expected|, floor). */
export function greatestRelative(actual: Values, expected: Values, floor = 1e-30): number {
  if (actual.length !== expected.length) return Number.NaN;
  let greatest = 0;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    const relative = Math.abs(actual[i] - expected[i]) / Math.max(Math.abs(expected[i]), floor);
    if (!(relative <= greatest)) greatest = relative;
  }
  return greatest;
}

/** Whether two arrays hold the same bits, NaN included. */
export function sameBits(a: Values, b: Values): boolean {
  return a.length === b.length && Array.from(a).every((value, i) => Object.is(value, b[i]));
}
