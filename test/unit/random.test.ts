import fc from 'fast-check';
import {
  type Counter,
  chooseSeed,
  dropoutThreshold,
  permutation,
  philox,
  randomUint32,
  truncatedNormal,
  uniform,
} from '../../src/random';

const hex = (values: ArrayLike<number>) =>
  Array.from(values, (v) => v.toString(16).padStart(8, '0')).join(' ');

// Random123 1.14, tests/kat_vectors, philox4x32-10: counter, key, result.
const VECTORS: [Counter, [number, number], string][] = [
  [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    '408f276d 41c83b0e a20bc7c6 6d5451fd',
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    'd16cfe09 94fdcceb 5001e420 24126ea1',
  ],
];

test.each(VECTORS)('philox4x32-10 of %p with key %p', (counter, [key0, key1], expected) => {
  const out = new Uint32Array(4);
  philox(out, 0, counter, key0, key1);
  expect(hex(out)).toBe(expected);
});

test('seed, purpose, stream and index are spent on key and counter as documented', () => {
  const seed = 0x1234_5678_9abc % Number.MAX_SAFE_INTEGER;
  const index = 5 * 2 ** 32 + 17;
  const expected = new Uint32Array(8);
  const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)] as const;
  for (const block of [0, 1]) philox(expected, block * 4, [block, 17, 5, 3 * 2 ** 24 + 9], ...key);
  expect(hex(randomUint32(7, seed, 3, 9, index))).toBe(hex(expected.subarray(0, 7)));
});

test('a permutation holds every row once, and differs by epoch and by seed', () => {
  const arguments_ = [fc.integer({ min: 0, max: 300 }), fc.maxSafeNat(), fc.maxSafeNat()] as const;
  fc.assert(
    fc.property(...arguments_, (rows, seed, epoch) => {
      const sorted = permutation(rows, seed, epoch).sort();
      expect(Array.from(sorted)).toEqual(Array.from({ length: rows }, (_, i) => i));
    }),
  );
  expect(permutation(100, 7, 0)).not.toEqual(permutation(100, 7, 1));
  expect(permutation(100, 7, 0)).not.toEqual(permutation(100, 8, 0));
  expect(permutation(100, 7, 3)).toEqual(permutation(100, 7, 3));
});

test('every row comes first about equally often', () => {
  const first = new Array(5).fill(0);
  for (let epoch = 0; epoch < 5000; epoch++) first[permutation(5, 1, epoch)[0]]++;
  // 5,000 draws of p = 0.2: five standard deviations are 141.
  for (const count of first) expect(Math.abs(count - 1000)).toBeLessThan(141);
});

test('uniform values lie in [−limit, limit), with the mean and variance of the distribution', () => {
  const values = uniform(40_000, 2, 3, 1);
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    expect(value >= -2 && value < 2).toBe(true);
    sum += value;
    squares += value * value;
  }
  expect(Math.abs(sum / 40_000)).toBeLessThan(0.03);
  expect(squares / 40_000).toBeCloseTo(4 / 3, 1);
  expect(uniform(8, 2, 3, 2)).not.toEqual(values.subarray(0, 8));
});

test('truncated normal values end at two deviations of the normal, and have the deviation asked for', () => {
  const values = truncatedNormal(40_000, 0.8796256610342398, 3, 1).sort();
  // Its quantiles: of a normal, those between 2.275 and 97.725 %.
  const quantiles = { 0: -2, 0.25: -0.6391, 0.5: 0, 0.75: 0.6391, 0.99: 1.8481 };
  for (const [share, value] of Object.entries(quantiles))
    expect(Math.abs(values[40_000 * Number(share)] - value)).toBeLessThan(0.04);
  expect(Math.max(-values[0], values[39_999])).toBeLessThanOrEqual(2);
  expect(values.reduce((sum, v) => sum + v * v, 0) / 40_000).toBeCloseTo(0.8796256610342398 ** 2, 1);
  expect(truncatedNormal(8, 2, 3, 2)).not.toEqual(truncatedNormal(8, 2, 3, 1));
});

test('the dropout threshold is the rate on the scale of 32 bits', () => {
  expect([0, 0.25, 0.5].map(dropoutThreshold)).toEqual([0, 2 ** 30, 2 ** 31]);
  const kept = randomUint32(20_000, 1, 3, 0, 0).filter((bits) => bits >= dropoutThreshold(0.3)).length;
  expect(kept / 20_000).toBeCloseTo(0.7, 1);
});

test('chosen seeds are different integers of 32 bits', () => {
  const seeds = Array.from({ length: 20 }, chooseSeed);
  for (const seed of seeds) expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
  expect(new Set(seeds).size).toBeGreaterThan(18);
});
