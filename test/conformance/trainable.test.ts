/** Layers that are not trained: their weights stay as they are, and what is below and above them goes on as without. */
import type { LayerPlan, TrainPlan } from '../../src/backend/contract';
import { relativeL2, sameBits } from '../support/compare';
import { dense, OPTIMIZERS, planOf, randomExamples, randomState } from '../support/plans';
import { noteSkip } from '../support/skip';
import { conformance, isShort, runs, target } from './target';
import { expectLikeReference, expectSameForAnyThreads, expectSameReport, TOLERANCE, train } from './training';

const batchSize = 32;
const NAMES = Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[];

/** 70-80-64-10 with a dropout layer; widths at which all ways through a layer are taken. @param frozen Dense layers, from 0 */
function planWith(frozen: readonly number[], changes: Partial<TrainPlan> = {}, bytes = false): TrainPlan {
  const layers = [dense(70, 80, 'relu'), dense(80, 64, 'tanh'), dense(64, 10)].map((layer, l): LayerPlan => {
    return frozen.includes(l) && layer.kind === 'dense' ? { ...layer, trainable: false } : layer;
  });
  if (bytes) layers.unshift({ kind: 'rescaling', name: 'rescaling', width: 70, scale: 1 / 255, offset: 0 });
  layers.splice(-1, 0, { kind: 'dropout', name: 'dropout', width: 64, rate: 0.25, stream: 0 });
  return planOf(layers, 'sparseCategoricalCrossentropy', OPTIMIZERS.adam, changes);
}

const SETS = { first: [0], middle: [1], last: [2], 'all but the last': [0, 1], 'all but the first': [1, 2] };

conformance('layers that are not trainable', () => {
  test.each(Object.entries(SETS))('%s', async (_, frozen) => {
    const backend = await runs(planWith(frozen), /trainable/);
    if (!backend) return;
    for (const steps of [1, 50]) {
      for (const x of ['float32', 'uint8'] as const) {
        const plan = planWith(frozen, {}, x === 'uint8');
        const examples = randomExamples(plan, batchSize * steps - 5, x);
        const state = randomState(plan);
        const tolerance = steps > 1 ? TOLERANCE.trajectory : TOLERANCE.weights;
        const after = await expectLikeReference(backend, { plan, state, examples, batchSize }, tolerance);
        for (const [p, w] of state.weights.entries()) {
          expect([p, sameBits(after.state.weights[p], w)]).toEqual([p, frozen.includes(p >> 1)]);
        }
      }
    }
  });

  test('none is: the losses of a net that stays as it is', async () => {
    const plan = planWith([0, 1, 2]);
    const backend = await runs(plan, /trainable/);
    if (!backend) return;
    const state = randomState(plan);
    const run = { plan, state, examples: randomExamples(plan, batchSize * 3), batchSize };
    const after = await expectLikeReference(backend, run);
    expect(after.state.weights.every((w, p) => sameBits(w, state.weights[p]))).toBe(true);
    expect(after.report.losses).toHaveLength(3);
  });

  test.each(isShort ? NAMES.slice(0, 1) : NAMES)('nor does %s move them by what it kept', async (name) => {
    const plan = planWith([1], { optimizer: OPTIMIZERS[name] });
    const backend = await runs(plan, /trainable/);
    if (!backend) return;
    const examples = randomExamples(plan, batchSize * 4);
    // Slots as an earlier training of all layers left them.
    const { state } = await train(backend, {
      plan: planWith([], { optimizer: OPTIMIZERS[name] }),
      examples,
      batchSize,
    });
    const after = await expectLikeReference(
      backend,
      { plan, state, examples, batchSize },
      TOLERANCE.trajectory,
    );
    expect(sameBits(after.state.weights[2], state.weights[2])).toBe(true);
    expect(sameBits(after.state.weights[3], state.weights[3])).toBe(true);
    for (const [s, slot] of state.slots.entries())
      expect(sameBits(after.state.slots[s][2], slot[2])).toBe(true);
  });

  test('the layers above train to the same bits as where the one below learns nothing', async () => {
    const backend = await runs(planWith([0]), /trainable/);
    if (!backend) return;
    const examples = randomExamples(planWith([0]), batchSize * 5);
    const whole = await train(backend, { plan: planWith([0]), examples, batchSize });
    const again = await train(backend, { plan: planWith([0]), examples, batchSize });
    expectSameReport(whole.report, again.report);
    const free = await train(backend, { plan: planWith([]), examples, batchSize });
    expect(relativeL2(whole.state.weights[4], free.state.weights[4])).toBeGreaterThan(0);
  });

  // Of two layers, the first on bytes, threads mostly need not wait for each other between steps; here they do: 9 panels and 288 rows
  // are shared out in other ways.
  test('any number of threads trains the same', async () => {
    if (!target.sameForAnyThreads) return noteSkip(`${target.name} does not promise it`);
    const twoLayers = planOf(
      [
        { kind: 'rescaling', name: 'rescaling', width: 784, scale: 1 / 255, offset: 0 },
        {
          kind: 'dense',
          name: 'base',
          inputs: 784,
          outputs: 288,
          useBias: true,
          activation: 'relu',
          trainable: false,
        },
        dense(288, 10),
      ],
      'sparseCategoricalCrossentropy',
    );
    for (const plan of [twoLayers, ...Object.values(SETS).map((frozen) => planWith(frozen, {}, true))]) {
      await expectSameForAnyThreads({
        plan,
        examples: randomExamples(plan, batchSize * 300, 'uint8'),
        batchSize,
      });
    }
  });

  test('restraints and clipping are of the others alone', async () => {
    const plan = planWith([1], {
      optimizer: { ...OPTIMIZERS.adam, clipNorm: 0.01, gradientAccumulationSteps: 2 },
    });
    plan.layers = plan.layers.map((layer) =>
      layer.kind !== 'dense'
        ? layer
        : { ...layer, kernelRegularizer: { l1: 0.01, l2: 0.1 }, kernelConstraint: { maxNorm: 0.3 } },
    );
    const backend = await runs(plan, /trainable|clipNorm|regularizer|gradientAccumulationSteps/);
    if (!backend) return;
    const state = randomState(plan);
    const run = { plan, state, examples: randomExamples(plan, batchSize * 4), batchSize };
    const after = await expectLikeReference(backend, run, TOLERANCE.trajectory);
    expect(sameBits(after.state.weights[2], state.weights[2])).toBe(true);
  });
});
