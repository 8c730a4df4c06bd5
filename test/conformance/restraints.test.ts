/** Penalties in the loss, limits after a step, and updates of several batches. */
import type { OptimizerPlan, Restraints, TrainPlan } from '../../src/backend/contract';
import { relativeL2, sameBits } from '../support/compare';
import { dense, OPTIMIZERS, planOf, randomExamples, randomState } from '../support/plans';
import { conformance, isShort, runs } from './target';
import {
  constantRates,
  expectLikeReference,
  expectSameForAnyThreads,
  expectSameReport,
  ordered,
  TOLERANCE,
  train,
  withSession,
} from './training';

const batchSize = 8;
const NAMES = Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[];

function held(restraints: Restraints, optimizer: OptimizerPlan = OPTIMIZERS.adam): TrainPlan {
  const layers = [dense(17, 33, 'relu'), dense(33, 10)].map((layer) => ({ ...layer, ...restraints }));
  return planOf(layers, 'sparseCategoricalCrossentropy', optimizer);
}

conformance('regularizers', () => {
  const CASES: Record<string, Restraints> = {
    l1: { kernelRegularizer: { l1: 0.01, l2: 0 } },
    l2: { kernelRegularizer: { l1: 0, l2: 0.01 } },
    'both, of kernels and biases': {
      kernelRegularizer: { l1: 0.001, l2: 0.02 },
      biasRegularizer: { l1: 0.1, l2: 0.2 },
    },
  };

  test.each(Object.keys(CASES))('%s: losses, weights, slots', async (name) => {
    for (const steps of [1, 100]) {
      const plan = held(CASES[name]);
      const backend = await runs(plan, /regularizer/);
      if (!backend) return;
      const run = { plan, examples: randomExamples(plan, batchSize * steps), batchSize };
      const tolerance = steps > 1 ? TOLERANCE.trajectory : TOLERANCE.weights;
      const { report, state } = await expectLikeReference(backend, run, tolerance);
      const free = await train(backend, { ...run, plan: held({}) });
      expect(report.losses[0]).toBeGreaterThan(free.report.losses[0] * 1.01);
      expect(relativeL2(state.weights[0], free.state.weights[0])).toBeGreaterThan(0);
    }
  });

  test('weights of zero have no gradient of their own', async () => {
    const plan = held({ kernelRegularizer: { l1: 0.5, l2: 0.5 } }, OPTIMIZERS.sgd);
    const backend = await runs(plan, /regularizer/);
    if (!backend) return;
    const state = randomState(plan);
    state.weights[2].fill(0);
    state.weights[0].fill(0);
    const examples = randomExamples(plan, batchSize);
    examples.x.fill(0);
    const { state: after } = await expectLikeReference(backend, { plan, state, examples, batchSize });
    expect(sameBits(after.weights[0], state.weights[0])).toBe(true);
  });

  test('the loss of an evaluation has the penalty, too', async () => {
    const plan = held(CASES['both, of kernels and biases']);
    const backend = await runs(plan, /regularizer/);
    if (!backend) return;
    const state = randomState(plan);
    const examples = randomExamples(plan, 50);
    const evaluated = (of: TrainPlan) =>
      withSession(backend, of, state, async (session) => {
        const data = await session.upload(examples);
        return session.evaluate(data, { begin: 3, end: 50 }, 16);
      });
    let penalty = 0;
    for (const [p, w] of state.weights.entries()) {
      const [l1, l2] = p % 2 === 0 ? [0.001, 0.02] : [0.1, 0.2];
      for (const value of w) penalty += l1 * Math.abs(value) + l2 * value * value;
    }
    const { loss } = await evaluated(plan);
    expect(loss / ((await evaluated(held({}))).loss + penalty)).toBeCloseTo(1, 5);
  });
});

conformance('constraints', () => {
  test.each(isShort ? NAMES.slice(0, 1) : NAMES)('max-norm, %s', async (name) => {
    const limits = { kernelConstraint: { maxNorm: 0.6 }, biasConstraint: { maxNorm: 0.5 } };
    const plan = held(limits, OPTIMIZERS[name]);
    const backend = await runs(plan, /constraint/);
    if (!backend) return;
    for (const steps of [1, 100]) {
      const run = { plan, examples: randomExamples(plan, batchSize * steps), batchSize };
      const tolerance = steps > 1 ? TOLERANCE.trajectory : TOLERANCE.weights;
      const { state } = await expectLikeReference(backend, run, tolerance);
      for (let column = 0; column < 33; column++) {
        const squares = state.weights[0].filter((_, e) => e % 33 === column).map((value) => value * value);
        expect(Math.sqrt(squares.reduce((a, b) => a + b, 0))).toBeLessThan(0.6 + 1e-6);
      }
    }
  });

  test('of a whole bias, not of its elements', async () => {
    const plan = held({ biasConstraint: { maxNorm: 0.1 } }, OPTIMIZERS.sgd);
    const backend = await runs(plan, /constraint/);
    if (!backend) return;
    const run = { plan, examples: randomExamples(plan, batchSize), batchSize };
    const { state } = await expectLikeReference(backend, run);
    expect(Math.hypot(...state.weights[1])).toBeCloseTo(0.1, 5);
    expect(Math.max(...state.weights[1].map(Math.abs))).toBeLessThan(0.1);
  });
});

conformance('gradient accumulation', () => {
  const every = (gradientAccumulationSteps: number, name: keyof typeof OPTIMIZERS, clipNorm?: number) =>
    held({}, { ...OPTIMIZERS[name], gradientAccumulationSteps, ...(clipNorm !== undefined && { clipNorm }) });

  test.each(isShort ? NAMES.slice(0, 1) : NAMES)('%s: weights change in every third step', async (name) => {
    const plan = every(3, name);
    const backend = await runs(plan, /gradientAccumulationSteps/);
    if (!backend) return;
    for (const steps of [2, 3, 4]) {
      const run = { plan, examples: randomExamples(plan, batchSize * steps), batchSize };
      const { state } = await expectLikeReference(backend, run);
      expect(sameBits(state.weights[0], randomState(plan).weights[0])).toBe(steps === 2);
    }
    const run = { plan, examples: randomExamples(plan, batchSize * 100), batchSize };
    await expectLikeReference(backend, run, TOLERANCE.trajectory);
  });

  test('is a step of the batches together', async () => {
    const plan = every(4, 'adam');
    const backend = await runs(plan, /gradientAccumulationSteps/);
    if (!backend) return;
    const run = { plan, examples: randomExamples(plan, 4 * batchSize), batchSize };
    const { state } = await train(backend, run);
    const whole = await train(backend, { ...run, plan: held({}), batchSize: 4 * batchSize });
    expect(relativeL2(state.weights[0], whole.state.weights[0])).toBeLessThan(TOLERANCE.weights);
    expect(state.slots.at(-1)!.every((sums) => sums.every((sum) => sum === 0))).toBe(true);
  });

  test('the mean is clipped, not each gradient', async () => {
    const plan = every(2, 'sgd', 0.05);
    const backend = await runs(plan, /clipNorm|gradientAccumulationSteps/);
    if (!backend) return;
    await expectLikeReference(backend, { plan, examples: randomExamples(plan, 2 * batchSize), batchSize });
  });

  test('goes on from a state in its middle, with all else that is held', async () => {
    const restraints = {
      kernelRegularizer: { l1: 1e-4, l2: 1e-3 },
      // Bites at once, where nothing is updated yet.
      kernelConstraint: { maxNorm: 0.6 },
    };
    const optimizer = { ...OPTIMIZERS.adamw, gradientAccumulationSteps: 4, clipNorm: 1 };
    const plan = held(restraints, optimizer);
    const backend = await runs(plan, /clipNorm|gradientAccumulationSteps/);
    if (!backend) return;
    const examples = randomExamples(plan, 10 * batchSize);
    const order = ordered(examples.rows);
    const whole = await expectLikeReference(backend, { plan, examples, batchSize }, TOLERANCE.trajectory);
    const cut = 6 * batchSize;
    const first = await train(backend, { plan, examples, batchSize, order: order.subarray(0, cut) });
    const learningRates = constantRates(order.subarray(cut), batchSize, 0.001);
    const second = await withSession(backend, plan, first.state, async (session) => {
      const data = await session.upload(examples);
      const span = { data, order: order.subarray(cut), batchSize, firstStep: 6, learningRates };
      const report = await session.run(span);
      return { report, state: await session.readState() };
    });
    const losses = Float32Array.of(...first.report.losses, ...second.report.losses);
    expectSameReport({ ...whole.report, losses }, whole.report);
    for (const [p, w] of second.state.weights.entries())
      expect(relativeL2(w, whole.state.weights[p])).toBeLessThan(1e-7);
  });
});

// On a batch of which kernels may sum the gradients by blocks, of layers wide enough for members to share them out.
conformance('all that needs whole gradients, at once', () => {
  const restraints: Restraints = {
    kernelRegularizer: { l1: 1e-4, l2: 1e-3 },
    biasRegularizer: { l1: 0, l2: 1e-2 },
    kernelConstraint: { maxNorm: 0.9 },
    biasConstraint: { maxNorm: 0.7 },
  };
  const optimizer = { ...OPTIMIZERS.adam, gradientAccumulationSteps: 2, clipNorm: 0.05 };
  const layers = [dense(70, 130, 'relu'), dense(130, 65, 'tanh'), dense(65, 10)].map((layer) => ({
    ...layer,
    ...restraints,
  }));
  const plan = planOf(layers, 'sparseCategoricalCrossentropy', optimizer);
  const rows = 550;
  const run = { plan, examples: randomExamples(plan, 4 * rows + 30), batchSize: rows };
  const what = /clipNorm|regularizer|constraint|gradientAccumulationSteps/;

  test('as the reference', async () => {
    const backend = await runs(plan, what);
    if (backend) await expectLikeReference(backend, run, TOLERANCE.trajectory);
  });

  test('any number of threads trains the same', async () => {
    if (await runs(plan, what)) await expectSameForAnyThreads(run);
  });
});
