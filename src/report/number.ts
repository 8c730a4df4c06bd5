/** A loss or a metric for people: four decimals where they say something, else five digits. 0.6931, 0.00012346, 483475, 1.8020e+16. */
export function decimals(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-2 && size < 1e4)) return value.toFixed(4);
  return size >= 1e-5 && size < 1e7 ? String(Number(value.toPrecision(6))) : value.toExponential(4);
}
