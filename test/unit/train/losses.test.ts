import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Losses } from '../../../src/train/losses';

test('losses that come in parts are one list, of which a copy is given', () => {
  const losses = new Losses();
  for (const part of [[1], [2, 3], [], [4, 5, 6, 7]]) losses.add(Float32Array.from(part));
  const all = losses.all();
  expect([losses.length, [...all]]).toEqual([7, [1, 2, 3, 4, 5, 6, 7]]);
  all.fill(0);
  losses.add(Float32Array.of(8));
  expect([...losses.all()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a million steps, each a span of its own, take the memory of their numbers', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const used = () => {
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  const losses = new Losses();
  for (let step = 0; step < 1_000_000; step++) losses.add(Float32Array.of(step));
  // 4 MB, or 8 where they have just doubled; as arrays of their own it is 200.
  expect(used() - before).toBeLessThan(2e7);
  expect(losses.all()[999_999]).toBe(999_999);
});
