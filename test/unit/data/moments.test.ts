import { Moments } from '../../../src/data/table/moments';

/** Widths whose rows end with four bytes, and whose do not; counts of rows that leave some over. */
test.each([
  [1, 7],
  [3, 5],
  [4, 6],
  [6, 3],
  [784, 9],
  [2, 70_000],
])('bytes: %i columns of %i rows have the means and deviations of the same numbers', (width, rows) => {
  const bytes = Uint8Array.from({ length: width * rows }, (_, i) =>
    i % 5 < 3 ? 0 : (i * 2_654_435_761) >>> 24,
  );
  const centre = Float64Array.from({ length: width }, (_, f) => f % 7);
  const [ofBytes, ofNumbers] = [new Moments(centre), new Moments(centre)];
  ofBytes.add(bytes);
  ofNumbers.add(Float32Array.from(bytes));
  expect(ofBytes.counts).toEqual(ofNumbers.counts);
  for (let f = 0; f < width; f++) {
    expect(ofBytes.mean(f)).toBeCloseTo(ofNumbers.mean(f), 9);
    expect(ofBytes.deviation(f)).toBeCloseTo(ofNumbers.deviation(f), 9);
  }
});
