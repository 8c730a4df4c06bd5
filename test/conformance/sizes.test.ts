/** One step at odd sizes, small and large. */
import { dense, LOSSES, OPTIMIZERS, planOf, randomExamples } from '../support/plans';
import { conformance, isShort, openBackend } from './target';
import { expectLikeReference, expectSameForAnyThreads, TOLERANCE } from './training';

const BATCHES = [1, 2, 3, 7, 31, 32, 33];
const INPUTS = [1, 3, 17, 64, 65, 130];
const UNITS = [1, 2, 10, 16, 17, 33, 65, 129];

conformance('one step at every size', () => {
  test.each(isShort ? [1, 7, 33] : BATCHES)('batch %i', async (batch) => {
    for (const inputs of INPUTS)
      for (const units of isShort ? [1, 17, 129] : UNITS) {
        const plan = planOf(
          [dense(inputs, units, 'relu'), dense(units, 10)],
          'sparseCategoricalCrossentropy',
        );
        const examples = randomExamples(plan, batch);
        await expectLikeReference(await openBackend(), { plan, examples, batchSize: batch });
      }
  });
});

conformance('a plan without parameters', () => {
  test.each(Object.entries(OPTIMIZERS))('%s has nothing to do', async (_, optimizer) => {
    const layer = { kind: 'activation', name: 'tanh', width: 3, activation: 'tanh' } as const;
    const plan = planOf([layer], 'meanSquaredError', optimizer);
    const examples = randomExamples(plan, 5);
    await expectLikeReference(await openBackend(), { plan, examples, batchSize: 2 });
  });
});

// Wide enough for kernels to work by blocks, in the first layer and in the second.
if (!isShort)
  conformance('one step of a wide layer on a large batch', () => {
    test.each([[[256, 1025]], [[3, 256, 1025]]])('%j', async (widths) => {
      const layers = widths.slice(1).map((units, i) => dense(widths[i], units, 'relu'));
      const plan = planOf([...layers, dense(1025, 2)], 'sparseCategoricalCrossentropy');
      const examples = randomExamples(plan, 128);
      await expectLikeReference(await openBackend(), { plan, examples, batchSize: 128 });
    });
  });

// So narrow that kernels may take some rows through all layers, and lay inputs where outputs are few; more rows than they take at a time.
conformance('narrow layers on a large batch', () => {
  const losses = Object.keys(LOSSES) as (keyof typeof LOSSES)[];
  const rows = isShort ? 300 : 5000;
  const narrow = (loss: keyof typeof LOSSES, outputs: number) =>
    planOf([dense(7, 33, 'gelu'), dense(33, 3, 'tanh'), dense(3, outputs)], loss, OPTIMIZERS.adam);

  test.each(losses)('%s: as the reference', async (loss) => {
    for (const outputs of isShort ? [2] : [1, 2, 4, 5, 17]) {
      const plan = narrow(loss, outputs);
      const examples = randomExamples(plan, rows + 37);
      const weights = Float32Array.from({ length: examples.rows }, (_, i) => (i % 5) / 2);
      await expectLikeReference(await openBackend(), { plan, examples, batchSize: rows });
      await expectLikeReference(await openBackend(), {
        plan,
        examples: { ...examples, weights },
        batchSize: rows,
      });
    }
  });

  test('any number of threads trains the same', async () => {
    const plan = narrow('binaryCrossentropy', 1);
    const run = { plan, examples: randomExamples(plan, 3 * rows), batchSize: rows };
    await expectSameForAnyThreads(run);
  });
});

// Rows enough for kernels to take a batch through the network in several blocks, of a last batch, too.
conformance('a batch of many rows', () => {
  const [rows, last] = isShort ? [600, 530] : [1100, 700];
  const rescaling = { kind: 'rescaling', name: 'rescaling', width: 70, scale: 1 / 255, offset: 0 } as const;
  const dropout = { kind: 'dropout', name: 'dropout', width: 130, rate: 0.3, stream: 4 } as const;
  const layers = [dense(70, 130, 'gelu'), dropout, dense(130, 65, 'relu'), dense(65, 3)];
  const kinds = Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[];

  test.each(kinds)('%s: as the reference', async (optimizer) => {
    for (const dtype of ['float32', 'uint8'] as const) {
      const before = dtype === 'uint8' ? [rescaling] : [];
      const plan = planOf([...before, ...layers], 'sparseCategoricalCrossentropy', OPTIMIZERS[optimizer]);
      const examples = randomExamples(plan, rows + last, dtype);
      const weights = Float32Array.from({ length: examples.rows }, (_, i) => (i % 5) / 2);
      const run = { plan, examples: { ...examples, weights }, batchSize: rows };
      await expectLikeReference(await openBackend(), run, TOLERANCE.trajectory);
    }
  });

  test('any number of threads trains the same', async () => {
    const plan = planOf([rescaling, ...layers], 'sparseCategoricalCrossentropy');
    const run = { plan, examples: randomExamples(plan, 2 * rows + last, 'uint8'), batchSize: rows };
    await expectSameForAnyThreads(run);
  });
});
