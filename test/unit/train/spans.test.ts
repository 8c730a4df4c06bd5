import fc from 'fast-check';
import { permutation } from '../../../src/random';
import { Means } from '../../../src/train/means';
import { type Cadences, type EpochPart, epochOrder, nextPart } from '../../../src/train/spans';

const cadences = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 4 });

/** All parts of an epoch. */
function partsOf(order: Uint32Array, batchSize: number, begin: number, step: number, every: Cadences) {
  const parts: EpochPart[] = [];
  const batches = Math.ceil(order.length / batchSize);
  for (let at = begin; at < batches; at = parts.at(-1)!.end)
    parts.push(nextPart(order, batchSize, at, step + at - begin, every));
  return parts;
}

test('the spans of an epoch are its order, cut', () => {
  const rows = fc.integer({ min: 1, max: 400 });
  const batchSize = fc.integer({ min: 1, max: 500 });
  fc.assert(
    fc.property(
      rows,
      batchSize,
      cadences,
      cadences,
      fc.nat(),
      fc.nat(),
      (count, size, batches, steps, seed, step) => {
        const order = epochOrder(count, true, seed, 2);
        const all = Math.ceil(count / size);
        const first = step % all;
        const parts = partsOf(order, size, first, step, { batches, steps });
        expect(parts.flatMap((part) => Array.from(part.order))).toEqual(
          Array.from(order.slice(first * size)),
        );
        let begin = first;
        for (const part of parts) {
          expect(part.begin).toBe(begin);
          expect(Math.ceil(part.order.length / size)).toBe(part.end - part.begin);
          begin = part.end;
        }
        expect(begin).toBe(all);
      },
    ),
  );
});

test('spans end at every multiple of every cadence, and nowhere else but at the end', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      cadences,
      cadences,
      fc.nat(),
      (count, batches, steps, step) => {
        const expected = [];
        for (let end = 1; end <= count; end++) {
          const inEpoch = batches.some((every) => end % every === 0);
          const inAll = steps.some((every) => (step + end) % every === 0);
          if (end === count || inEpoch || inAll) expected.push(end);
        }
        const parts = partsOf(new Uint32Array(count), 1, 0, step, { batches, steps });
        expect(parts.map(({ end }) => end)).toEqual(expected);
      },
    ),
  );
  expect(nextPart(new Uint32Array(1500), 1, 0, 0, { batches: [], steps: [] }).end).toBe(1500);
});

test('an order is the permutation of seed and epoch, or ascending', () => {
  expect(epochOrder(50, true, 9, 4)).toEqual(permutation(50, 9, 4));
  expect(Array.from(epochOrder(4, false, 9, 4))).toEqual([0, 1, 2, 3]);
});

test('means are over rows, whatever the spans', () => {
  const plan = { metrics: [{ kind: 'meanAbsoluteError', name: 'mae' } as const], outputs: 1 };
  const losses = Float32Array.of(1, 2, 4);
  const errors = Float32Array.of(0, 1, 0.5);
  // 25 rows in batches of 10: the last has 5.
  const whole = new Means(plan);
  whole.add({ stepsDone: 3, stopped: 'finished', losses, metrics: [errors] }, 25, 10);
  expect(whole.logs()).toEqual({ loss: (10 + 20 + 20) / 25, mae: (10 + 2.5) / 25 });
  const parts = new Means(plan);
  const cut = (from: number, to: number, rows: number) =>
    parts.add(
      {
        stepsDone: to - from,
        stopped: 'finished',
        losses: losses.subarray(from, to),
        metrics: [errors.subarray(from, to)],
      },
      rows,
      10,
    );
  cut(0, 1, 10);
  expect(parts.logs({ rows: 10, loss: 2, metrics: [1] })).toEqual({ loss: 1.5, mae: 0.5 });
  cut(1, 3, 15);
  expect(parts.logs()).toEqual(whole.logs());
  expect(parts.losses).toEqual(losses);
});

test.each([
  ['categoricalAccuracy', 1, 3],
  ['topK', 1, 3],
  ['binaryAccuracy', 2, 6],
])('%s: what is right of a batch is counted, not what float32 made of its share', (kind, right, of) => {
  const means = new Means({ metrics: [{ kind, name: 'right' } as never], outputs: 2 });
  const share = Float32Array.of(right / of);
  for (let i = 0; i < 3; i++)
    means.add({ stepsDone: 1, stopped: 'finished', losses: share, metrics: [share] }, 3, 3);
  expect(means.logs().right).toBe(1 / 3);
});

test('sums are float64: 60,000 float32 losses of 0.1 have the mean of that float32', () => {
  const means = new Means({ metrics: [], outputs: 1 });
  const losses = new Float32Array(60_000).fill(0.1);
  means.add({ stepsDone: 60_000, stopped: 'finished', losses, metrics: [] }, 60_000, 1);
  expect(Math.abs(means.logs().loss - Math.fround(0.1))).toBeLessThan(1e-10);
});
