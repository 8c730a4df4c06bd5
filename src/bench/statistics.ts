/** Of the middle two their mean. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (low + high) / 2;
}

/** The value below which a share of the others lies, without interpolation. */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
}

/** Of values that were measured in rounds. */
export interface Figure {
  median: number;
  min: number;
  max: number;
  /** The middle half, as a share of the median. */
  spread: number;
}

export function figure(values: readonly number[]): Figure {
  const middle = median(values);
  return {
    median: middle,
    min: Math.min(...values),
    max: Math.max(...values),
    spread: middle > 0 ? (quantile(values, 0.75) - quantile(values, 0.25)) / middle : 0,
  };
}
