import { rowsOf } from '../../../src/bench/kernel';
import { shareOf } from '../../../src/bench/roofline';
import { figure, median, quantile } from '../../../src/bench/statistics';
import { csv, markdown } from '../../../src/cli/bench/format';
import { toShapes } from '../../../src/cli/bench/shapes';

const GIGA = 1e9;
const ceilings = {
  threads: 1,
  flops: { avx512: 100 * GIGA, scalar: 10 * GIGA },
  bandwidths: [
    { level: 'L1', bytes: 1000, read: 100 * GIGA, update: 200 * GIGA },
    { level: 'memory', bytes: 0, read: 10 * GIGA, update: 20 * GIGA },
  ],
};

test('median and spread', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([9, 1, 5, 3])).toBe(4);
  expect(quantile([4, 1, 2, 3], 0.25)).toBe(2);
  expect(figure([1, 2, 3, 4, 5, 6, 7, 8]).spread).toBe((7 - 3) / 4.5);
});

describe('share of the ceilings', () => {
  test('many operations on few bytes: compute', () => {
    const share = shareOf({ flops: 1000, read: 8, written: 8 }, 2e-8, ceilings);
    expect(share).toEqual({ ofPeak: 0.5, ofCeiling: 0.5, nearest: 'compute', bound: 'compute' });
  });

  test('few operations on more bytes than the cache holds: memory; reading costs what it costs alone', () => {
    // 1000 updated in place = 2000 bytes moved at 20 a ns, 3000 more read at 10 a ns: 400 ns.
    const share = shareOf({ flops: 100, read: 4000, written: 1000 }, 8e-7, ceilings);
    expect(share.bound).toBe('memory');
    expect(share.ofCeiling).toBeCloseTo(0.5);
  });

  test('in the cache its own pace counts; far from both ceilings it is latency', () => {
    expect(shareOf({ flops: 1, read: 400, written: 0 }, 8e-9, ceilings)).toMatchObject({
      bound: 'L1',
      ofCeiling: 0.5,
    });
    expect(shareOf({ flops: 1, read: 4, written: 0 }, 1e-6, ceilings).bound).toBe('latency');
  });
});

test('rows: speeds of the medians, the better library pair by pair, nothing for what is absent', () => {
  const times = (variant: string, seconds: number[]) => ({
    variant,
    available: true,
    error: 1,
    allowed: 8,
    computed: 1,
    seconds,
  });
  const rows = rowsOf(
    [
      times('fused', [1, 2, 4]),
      times('aten', [9, 9, 9]),
      times('onednn', [3, 4, 6]),
      { ...times('fused-avx2', [2, 2, 2]), computed: 0.5 },
      { ...times('fused-neon', []), available: false },
    ],
    { flops: 4 * GIGA, read: GIGA, written: GIGA },
    ceilings,
  );
  expect(rows.map(({ variant }) => variant)).toEqual(['fused', 'aten', 'onednn', 'fused-avx2']);
  expect(rows[0]).toMatchObject({
    gflops: 2,
    gbytes: 1,
    timesLibrary: 2,
    seconds: { median: 2, min: 1, max: 4 },
  });
  expect(rows[2].timesLibrary).toBe(1);
  // Half of the products were left out: as many operations, no fewer bytes.
  expect(rows[3]).toMatchObject({ gflops: 1, gbytes: 1, timesLibrary: 2 });
  expect(rows[3].ofPeak).toBeCloseTo(rows[0].ofPeak / 2);
  expect(
    rowsOf([times('fused', [1])], { flops: 1, read: 1, written: 1 }, ceilings)[0].timesLibrary,
  ).toBeNull();
});

test('shapes', () => {
  expect(toShapes('32x784x128, 1×2×3', '--shapes')).toEqual([
    { batch: 32, inputs: 784, units: 128 },
    { batch: 1, inputs: 2, units: 3 },
  ]);
  for (const bad of ['', '32x784', '0x1x1', '-1x2x3', '1x2x3x4', '1x99999999x99999999']) {
    expect(() => toShapes(bad, '--shapes')).toThrow('--shapes');
  }
});

test('Markdown and CSV', () => {
  expect(markdown(['a', 'b'], [['1', 'x|y']])).toBe('| a | b |\n|---|---|\n| 1 | x\\|y |');
  expect(
    csv([
      { a: 1, b: { c: 'x, "y"', d: null } },
      { a: 2, b: { c: 'z', d: 3 } },
    ]),
  ).toBe('a,b.c,b.d\r\n1,"x, ""y""",\r\n2,z,3');
});
