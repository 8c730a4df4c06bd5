/** One step at odd sizes, small and large. */
import { dense, OPTIMIZERS, planOf, randomExamples } from '../support/plans';
import { conformance, isShort, openBackend } from './target';
import { expectLikeReference } from './training';

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
