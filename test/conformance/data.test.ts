/** What a batch is made of: partial batches, orders, weights, dtypes, targets, dropout bits. */
import type { LayerPlan } from '../../src/backend/contract';
import { permutation, randomUint32 } from '../../src/random';
import { relativeL2, sameBits } from '../support/compare';
import { dense, OPTIMIZERS, planOf, randomExamples, randomState } from '../support/plans';
import { conformance, openBackend } from './target';
import { expectLikeReference, TOLERANCE, train, withSession } from './training';

const layers = [dense(17, 16, 'relu'), dense(16, 10)];
const plan = planOf(layers, 'sparseCategoricalCrossentropy');

conformance('batches', () => {
  test.each([
    [10, 4],
    [33, 32],
    [7, 64],
    [5, 1],
    [64, 32],
    // All in one, however many there are.
    [12, 2 ** 31 - 1],
  ])('%i rows in batches of %i', async (rows, batchSize) => {
    const { report } = await expectLikeReference(
      await openBackend(),
      { plan, examples: randomExamples(plan, rows), batchSize },
      TOLERANCE.trajectory,
    );
    expect(report.stepsDone).toBe(Math.ceil(rows / batchSize));
  });

  test('rows in any order, some twice, some never', async () => {
    const order = Uint32Array.of(6, 0, 3, 3, 9, 0, 8);
    const run = { plan, examples: randomExamples(plan, 10), batchSize: 3, order };
    await expectLikeReference(await openBackend(), run, TOLERANCE.trajectory);
  });

  test('a permutation of 100 rows', async () => {
    const run = { plan, examples: randomExamples(plan, 100), batchSize: 32, order: permutation(100, 3, 1) };
    await expectLikeReference(await openBackend(), run, TOLERANCE.trajectory);
  });

  test('a learning rate of its own for each step', async () => {
    const backend = await openBackend();
    const examples = randomExamples(plan, 6);
    const results = await Promise.all(
      [[0.01, 0.01, 0.01], [0.01, 0, 0], [0.01]].map((rates) =>
        withSession(backend, plan, randomState(plan), async (session) => {
          const data = await session.upload(examples);
          const order = Uint32Array.from({ length: 2 * rates.length }, (_, i) => i);
          const learningRates = Float32Array.from(rates);
          await session.run({ data, order, batchSize: 2, firstStep: 0, learningRates });
          return (await session.readState()).weights[0];
        }),
      ),
    );
    expect(sameBits(results[1], results[2])).toBe(true);
    expect(sameBits(results[0], results[2])).toBe(false);
  });
});

conformance('sample weights', () => {
  const kinds = [
    'sparseCategoricalCrossentropy',
    'binaryCrossentropy',
    'meanSquaredError',
    'meanAbsoluteError',
  ] as const;
  test.each(kinds)('%s', async (loss) => {
    const weighted = planOf(layers, loss, OPTIMIZERS.sgd);
    const weights = Float32Array.from({ length: 20 }, (_, i) => [0, 0.5, 1, 3][i % 4]);
    const examples = { ...randomExamples(weighted, 20), weights };
    await expectLikeReference(
      await openBackend(),
      { plan: weighted, examples, batchSize: 7 },
      TOLERANCE.trajectory,
    );
  });

  test('ones are the same as none', async () => {
    const backend = await openBackend();
    const examples = randomExamples(plan, 20);
    const none = await train(backend, { plan, examples, batchSize: 7 });
    const weights = new Float32Array(20).fill(1);
    const ones = await train(backend, { plan, examples: { ...examples, weights }, batchSize: 7 });
    expect(sameBits(none.state.weights[0], ones.state.weights[0])).toBe(true);
  });

  test('zeros leave the weights as they are', async () => {
    const sgd = planOf(layers, 'sparseCategoricalCrossentropy', OPTIMIZERS.sgd);
    const state = randomState(sgd);
    const examples = { ...randomExamples(sgd, 20), weights: new Float32Array(20) };
    const result = await train(await openBackend(), { plan: sgd, state, examples, batchSize: 7 });
    expect(Array.from(result.report.losses)).toEqual([0, 0, 0]);
    for (const [p, w] of state.weights.entries()) expect(sameBits(result.state.weights[p], w)).toBe(true);
  });
});

conformance('data types', () => {
  const rescaling: LayerPlan = { kind: 'rescaling', name: 'r', width: 70, scale: 1 / 255, offset: 0 };
  const images = planOf([rescaling, dense(70, 16, 'relu'), dense(16, 10)], 'sparseCategoricalCrossentropy');

  // Few bytes may be taken otherwise than many.
  test.each([5, 70])('uint8 rows of %i', async (width) => {
    const plan = planOf(
      [{ ...rescaling, width }, dense(width, 16, 'relu'), dense(16, 10)],
      'sparseCategoricalCrossentropy',
    );
    const run = { plan, examples: randomExamples(plan, 100, 'uint8'), batchSize: 32 };
    await expectLikeReference(await openBackend(), run, TOLERANCE.trajectory);
  });

  test('uint8 rows without rescaling', async () => {
    const raw = planOf(
      [dense(70, 16, 'tanh'), dense(16, 10)],
      'sparseCategoricalCrossentropy',
      OPTIMIZERS.sgd,
    );
    const run = { plan: raw, examples: randomExamples(raw, 20, 'uint8'), batchSize: 20, rate: 1e-4 };
    await expectLikeReference(await openBackend(), run);
  });

  test('every value of a byte', async () => {
    const bytes = planOf([{ ...rescaling, width: 256 }, dense(256, 3)], 'meanSquaredError', OPTIMIZERS.sgd);
    const examples = {
      rows: 1,
      x: Uint8Array.from({ length: 256 }, (_, i) => i),
      y: Float32Array.of(1, 2, 3),
    };
    await expectLikeReference(await openBackend(), { plan: bytes, examples, batchSize: 1 });
  });

  test('uint8 and float32 rows of the same values train alike', async () => {
    const backend = await openBackend();
    const examples = randomExamples(images, 64, 'uint8');
    const bytes = await train(backend, { plan: images, examples, batchSize: 32 });
    const floats = await train(backend, {
      plan: images,
      examples: { ...examples, x: Float32Array.from(examples.x) },
      batchSize: 32,
    });
    for (const [step, loss] of bytes.report.losses.entries()) {
      expect(Math.abs(floats.report.losses[step] / loss - 1)).toBeLessThan(TOLERANCE.loss);
    }
  });

  // Backends may skip zeros; what they then sum must be the same. Kernels of their own for bytes sum in an order of their own.
  // Odd sizes reach every tail of either.
  test.each([
    [70, 16, 32],
    [130, 33, 7],
    [784, 128, 70],
  ])('rows that are mostly zero, %i to %i in batches of %i', async (width, units, batchSize) => {
    const backend = await openBackend();
    const sparse = planOf(
      [{ ...rescaling, width }, dense(width, units, 'gelu'), dense(units, 10)],
      'sparseCategoricalCrossentropy',
    );
    const examples = randomExamples(sparse, 2 * batchSize + 3, 'uint8');
    const random = randomUint32(examples.x.length, 5, 1, 0, 0);
    for (let e = 0; e < random.length; e++) if (random[e] > 2 ** 32 / 6) examples.x[e] = 0;
    const run = { plan: sparse, examples, batchSize };
    const bytes = await expectLikeReference(backend, run, TOLERANCE.trajectory);
    const floats = { ...examples, x: Float32Array.from(examples.x) };
    const dense32 = await train(backend, { plan: sparse, examples: floats, batchSize });
    for (const [p, w] of bytes.state.weights.entries()) {
      if (/tiles/.test(bytes.kernels)) {
        expect(relativeL2(dense32.state.weights[p], w)).toBeLessThan(TOLERANCE.trajectory);
      } else {
        expect(sameBits(dense32.state.weights[p], w)).toBe(true);
      }
    }
  });

  test('labels and their one-hot rows train alike', async () => {
    const backend = await openBackend();
    const examples = randomExamples(plan, 40);
    const labels = await train(backend, { plan, examples, batchSize: 8 });
    const oneHot = Float32Array.from({ length: 400 }, (_, e) =>
      examples.y[Math.floor(e / 10)] === e % 10 ? 1 : 0,
    );
    const values = await train(backend, {
      plan: planOf(layers, 'categoricalCrossentropy', OPTIMIZERS.adam, { metrics: plan.metrics }),
      examples: { ...examples, y: oneHot },
      batchSize: 8,
    });
    for (const [step, loss] of labels.report.losses.entries()) {
      expect(Math.abs(values.report.losses[step] / loss - 1)).toBeLessThan(TOLERANCE.loss);
    }
    expect(Array.from(values.report.metrics[0])).toEqual(Array.from(labels.report.metrics[0]));
  });

  test('soft targets', async () => {
    const soft = planOf(layers, 'categoricalCrossentropy', OPTIMIZERS.sgd);
    const examples = randomExamples(soft, 9);
    examples.y = Float32Array.from(examples.y, (value) => 0.9 * value + 0.01);
    await expectLikeReference(await openBackend(), { plan: soft, examples, batchSize: 9 });
  });

  test('upload copies: what the caller does with its arrays afterwards changes nothing', async () => {
    const backend = await openBackend();
    const kept = randomExamples(plan, 8);
    const expected = await train(backend, { plan, examples: kept, batchSize: 8 });
    const losses = await withSession(backend, plan, randomState(plan), async (session) => {
      const given = randomExamples(plan, 8);
      const data = await session.upload(given);
      given.x.fill(0);
      given.y.fill(0);
      const span = { data, order: Uint32Array.of(0, 1, 2, 3, 4, 5, 6, 7), batchSize: 8, firstStep: 0 };
      return (await session.run({ ...span, learningRates: Float32Array.of(0.001) })).losses;
    });
    expect(sameBits(losses, expected.report.losses)).toBe(true);
  });
});

conformance('dropout', () => {
  const dropped = (rate: number, seed = 11) =>
    planOf(
      [dense(17, 40, 'tanh'), { kind: 'dropout', name: 'o', width: 40, rate, stream: 1 }, dense(40, 10)],
      'sparseCategoricalCrossentropy',
      OPTIMIZERS.sgd,
      { seed },
    );

  test.each([0, 0.1, 0.5, 0.9])('rate %d', async (rate) => {
    const given = dropped(rate);
    const run = { plan: given, examples: randomExamples(given, 50), batchSize: 16 };
    await expectLikeReference(await openBackend(), run, TOLERANCE.trajectory);
  });

  test('the bits follow the number of the step and all 53 bits of the seed', async () => {
    for (const seed of [0, 2 ** 32, 2 ** 53 - 1])
      for (const firstStep of [0, 1000, 2 ** 32 + 5]) {
        const given = dropped(0.5, seed);
        const state = { ...randomState(given), step: firstStep };
        const run = { plan: given, examples: randomExamples(given, 32), batchSize: 16, state, firstStep };
        await expectLikeReference(await openBackend(), run, TOLERANCE.trajectory);
      }
  });

  test('evaluation and prediction drop nothing', async () => {
    const examples = randomExamples(plan, 20);
    const [withDropout, without] = await Promise.all(
      [dropped(0.5), planOf([dense(17, 40, 'tanh'), dense(40, 10)], 'sparseCategoricalCrossentropy')].map(
        async (given) =>
          withSession(await openBackend(), given, randomState(given), async (session) => {
            const data = await session.upload(examples);
            return session.evaluate(data, { begin: 0, end: 20 }, 8);
          }),
      ),
    );
    expect(withDropout).toEqual(without);
  });
});
