/** evaluate and predict. */
import { relativeL2, sameBits } from '../support/compare';
import { dense, planOf, randomExamples, randomState } from '../support/plans';
import { referenceBackend } from '../support/reference';
import { conformance, isShort, openBackend, target } from './target';
import { TOLERANCE, within, withSession } from './training';

const plan = planOf(
  [
    { kind: 'rescaling', name: 'r', width: 20, scale: 0.5, offset: 0.1 },
    dense(20, 33, 'relu'),
    dense(33, 10),
  ],
  'sparseCategoricalCrossentropy',
);
const state = randomState(plan);

conformance('predict', () => {
  test.each([0, 1, 2, 31, 32, 33, isShort ? 300 : 3000])('%i rows', async (rows) => {
    const { x } = randomExamples(plan, rows);
    const predict = (backend: typeof referenceBackend) =>
      withSession(backend, plan, state, (session) => session.predict(x));
    const [actual, expected] = [await predict(await openBackend()), await predict(referenceBackend)];
    expect(actual).toHaveLength(rows * 10);
    within('predictions', relativeL2(actual, expected), TOLERANCE.weights);
  });

  test('uint8 rows', async () => {
    const bytes = planOf(
      [{ kind: 'rescaling', name: 'r', width: 70, scale: 1 / 255, offset: 0 }, dense(70, 10)],
      'sparseCategoricalCrossentropy',
    );
    const { x } = randomExamples(bytes, 50, 'uint8');
    const predict = (backend: typeof referenceBackend) =>
      withSession(backend, bytes, randomState(bytes), (session) => session.predict(x));
    const [actual, expected] = [await predict(await openBackend()), await predict(referenceBackend)];
    within('predictions', relativeL2(actual, expected), TOLERANCE.weights);
  });

  // So many weights that threads may share out columns, not rows: of bytes, of floats, with layers between and a narrow one at the end.
  test.each(['uint8', 'float32'] as const)('few rows of a wide net, %s', async (dtype) => {
    const wide = planOf(
      [
        ...(dtype === 'uint8'
          ? [{ kind: 'rescaling', name: 'r', width: 300, scale: 1 / 255, offset: 0 } as const]
          : []),
        dense(300, 1300, 'relu'),
        { kind: 'dropout', name: 'o', width: 1300, rate: 0.5, stream: 1 },
        dense(1300, 700, 'gelu'),
        dense(700, 5),
      ],
      'sparseCategoricalCrossentropy',
    );
    for (const rows of isShort ? [1, 7] : [1, 2, 7, 64, 65]) {
      const examples = randomExamples(wide, rows, dtype);
      const ask = (backend: typeof referenceBackend) =>
        withSession(backend, wide, randomState(wide), async (session) => {
          const data = await session.upload(examples);
          const { loss } = await session.evaluate(data, { begin: 0, end: rows }, 32);
          return { loss, predictions: await session.predict(examples.x) };
        });
      const expected = await ask(referenceBackend);
      const found = [];
      for (const threads of [1, 2, 3]) found.push(await ask(await openBackend({ threads })));
      for (const { loss, predictions } of found) {
        within('predictions', relativeL2(predictions, expected.predictions), TOLERANCE.weights);
        within('losses', Math.abs(loss / expected.loss - 1), TOLERANCE.loss);
        if (target.sameForAnyThreads) expect(sameBits(predictions, found[0].predictions)).toBe(true);
      }
    }
  });

  test('a row does not depend on its neighbours', async () => {
    const { x } = randomExamples(plan, 40);
    await withSession(await openBackend(), plan, state, async (session) => {
      const all = await session.predict(x);
      const alone = await session.predict(x.slice(39 * 20));
      within('predictions', relativeL2(all.slice(390), alone), TOLERANCE.weights);
    });
  });
});

conformance('evaluate', () => {
  /** Loss and accuracy from the predictions of these rows. */
  function byHand(p: Float32Array, labels: Int32Array, weights: Float32Array, begin: number, end: number) {
    let loss = 0;
    let right = 0;
    for (let row = begin; row < end; row++) {
      const own = Array.from(p.slice(row * 10, row * 10 + 10));
      loss -= weights[row] * Math.log(own[labels[row]]);
      right += own.indexOf(Math.max(...own)) === labels[row] ? 1 : 0;
    }
    return { loss: loss / (end - begin), accuracy: right / (end - begin) };
  }

  test.each([
    [0, 100, 32],
    [0, 100, 1000],
    [0, 100, 1],
    [17, 50, 7],
    [99, 100, 32],
  ])('rows %i to %i in batches of %i', async (begin, end, batchSize) => {
    const weights = Float32Array.from({ length: 100 }, (_, i) => 0.5 + (i % 3));
    const examples = { ...randomExamples(plan, 100), weights };
    await withSession(await openBackend(), plan, state, async (session) => {
      const data = await session.upload(examples);
      const result = await session.evaluate(data, { begin, end }, batchSize);
      const p = await session.predict(examples.x);
      const expected = byHand(p, examples.y as Int32Array, weights, begin, end);
      expect(Math.abs(result.loss / expected.loss - 1)).toBeLessThan(TOLERANCE.loss);
      expect(result.metrics).toHaveLength(1);
      expect(result.metrics[0]).toBeCloseTo(expected.accuracy, 10);
    });
  });

  test('changes nothing', async () => {
    await withSession(await openBackend(), plan, state, async (session) => {
      const data = await session.upload(randomExamples(plan, 40));
      await session.evaluate(data, { begin: 0, end: 40 }, 16);
      const after = await session.readState();
      expect(after.step).toBe(0);
      for (const [p, w] of state.weights.entries()) expect(sameBits(after.weights[p], w)).toBe(true);
    });
  });

  test('rejects with the reason of an aborted signal', async () => {
    await withSession(await openBackend(), plan, state, async (session) => {
      const data = await session.upload(randomExamples(plan, 40));
      const range = { begin: 0, end: 40 };
      const reason = new Error('enough');
      await expect(session.evaluate(data, range, 16, AbortSignal.abort(reason))).rejects.toBe(reason);
      await session.evaluate(data, range, 16, new AbortController().signal);
    });
  });
});
