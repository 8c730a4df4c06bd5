import fc from 'fast-check';
import { permutation } from '../../../src/random';
import { Means } from '../../../src/train/means';
import { epochOrder, epochParts, spanEnds } from '../../../src/train/spans';

const cadences = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 4 });

test('the spans of an epoch are its order, cut', () => {
  const rows = fc.integer({ min: 1, max: 400 });
  const batchSize = fc.integer({ min: 1, max: 500 });
  fc.assert(
    fc.property(rows, batchSize, cadences, fc.nat(), (count, size, every, seed) => {
      const order = epochOrder(count, true, seed, 2);
      const parts = [...epochParts(order, size, every)];
      expect(parts.flatMap((part) => Array.from(part.order))).toEqual(Array.from(order));
      let begin = 0;
      for (const part of parts) {
        expect(part.begin).toBe(begin);
        expect(Math.ceil(part.order.length / size)).toBe(part.end - part.begin);
        begin = part.end;
      }
      expect(begin).toBe(Math.ceil(count / size));
    }),
  );
});

test('spans end at every multiple of every cadence, and nowhere else but at the end', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), cadences, (batches, every) => {
      const expected = [];
      for (let end = 1; end <= batches; end++)
        if (end === batches || every.some((cadence) => end % cadence === 0)) expected.push(end);
      expect(spanEnds(batches, every)).toEqual(expected);
    }),
  );
  expect(spanEnds(1500, [])).toEqual([1500]);
});

test('an order is the permutation of seed and epoch, or ascending', () => {
  expect(epochOrder(50, true, 9, 4)).toEqual(permutation(50, 9, 4));
  expect(Array.from(epochOrder(4, false, 9, 4))).toEqual([0, 1, 2, 3]);
});

test('means are over rows, whatever the spans', () => {
  const losses = Float32Array.of(1, 2, 4);
  const accuracy = Float32Array.of(0, 1, 0.5);
  // 25 rows in batches of 10: the last has 5.
  const whole = new Means(['accuracy']);
  whole.add({ stepsDone: 3, stopped: 'finished', losses, metrics: [accuracy] }, 25, 10);
  expect(whole.logs()).toEqual({ loss: (10 + 20 + 20) / 25, accuracy: (10 + 2.5) / 25 });
  const parts = new Means(['accuracy']);
  const cut = (from: number, to: number, rows: number) =>
    parts.add(
      {
        stepsDone: to - from,
        stopped: 'finished',
        losses: losses.subarray(from, to),
        metrics: [accuracy.subarray(from, to)],
      },
      rows,
      10,
    );
  cut(0, 1, 10);
  expect(parts.logs({ rows: 10, loss: 2, metrics: [1] })).toEqual({ loss: 1.5, accuracy: 0.5 });
  cut(1, 3, 15);
  expect(parts.logs()).toEqual(whole.logs());
  expect(parts.losses).toEqual(losses);
});

test('sums are float64: 60,000 float32 losses of 0.1 have the mean of that float32', () => {
  const means = new Means([]);
  const losses = new Float32Array(60_000).fill(0.1);
  means.add({ stepsDone: 60_000, stopped: 'finished', losses, metrics: [] }, 60_000, 1);
  expect(Math.abs(means.logs().loss - Math.fround(0.1))).toBeLessThan(1e-10);
});
