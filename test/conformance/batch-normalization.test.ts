/** Batch normalisation: a step and many of it, wherever it stands, evaluation by the moving averages, any threads, with all else. */
import {
  type BatchNormalizationPlan,
  type DenseActivation,
  type LayerPlan,
  parametersOf,
  type TrainPlan,
} from '../../src/backend/contract';
import { relativeL2, sameBits } from '../support/compare';
import { batchNormalization, dense, OPTIMIZERS, planOf, randomExamples, randomState } from '../support/plans';
import { referenceBackend } from '../support/reference';
import { conformance, isShort, openBackend, runs, target } from './target';
import { expectLikeReference, expectSameForAnyThreads, TOLERANCE, train, withSession } from './training';

const NAMES = Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[];
const CANNOT = /batch normalisation|trainable|clipNorm|gradientAccumulationSteps/;

/** A bias before a batch normalisation is taken away again: all that is left of its gradient is rounding. */
const unbiased = (inputs: number, outputs: number) => dense(inputs, outputs, 'linear', false);
/** Data about 0, where a variance in float32 has its digits. */
const rescaling = (width: number): LayerPlan => ({
  kind: 'rescaling',
  name: `rescaling_${width}`,
  width,
  scale: 1 / 255,
  offset: 0,
});
const activation = (width: number, name: DenseActivation): LayerPlan => ({
  kind: 'activation',
  name: `${name}_${width}`,
  width,
  activation: name,
});
const dropout = (width: number, stream: number, rate = 0.3): LayerPlan => ({
  kind: 'dropout',
  name: `dropout_${stream}`,
  width,
  rate,
  stream,
});
/** Dense, normalised, activated. */
const block = (
  inputs: number,
  outputs: number,
  name: DenseActivation = 'relu',
  changes: Partial<BatchNormalizationPlan> = {},
) => [unbiased(inputs, outputs), batchNormalization(outputs, changes), activation(outputs, name)];

const STACKS: Record<string, LayerPlan[]> = {
  'before an activation': [...block(17, 33), dense(33, 10)],
  'after an activation': [dense(17, 33, 'tanh'), batchNormalization(33), dense(33, 10)],
  'after gelu': [dense(17, 33, 'gelu'), batchNormalization(33), dense(33, 10)],
  'before and after an activation': [
    ...block(17, 33),
    batchNormalization(33, { momentum: 0.5 }),
    dense(33, 10),
  ],
  'of parts of a row': [dense(17, 30, 'tanh'), batchNormalization(30, { channels: 5 }), dense(30, 10)],
  first: [batchNormalization(17), dense(17, 33, 'relu'), dense(33, 10)],
  'first, of three channels': [batchNormalization(18, { channels: 3 }), dense(18, 10)],
  'first, of bytes': [rescaling(17), batchNormalization(17), dense(17, 10)],
  last: [...block(17, 20), unbiased(20, 10), batchNormalization(10)],
  'after bytes': [rescaling(70), ...block(70, 40), dense(40, 10)],
  'without gamma': [...block(17, 33, 'relu', { scale: false }), dense(33, 10)],
  'without beta': [...block(17, 33, 'elu', { center: false, momentum: 1 }), dense(33, 10)],
  'without both': [...block(17, 33, 'sigmoid', { scale: false, center: false, momentum: 0 }), dense(33, 10)],
  'not trained': [dense(17, 33), batchNormalization(33, { trainable: false }), dense(33, 10)],
  'trained after a layer that is not': [
    { ...dense(17, 33), trainable: false } as LayerPlan,
    batchNormalization(33),
    dense(33, 10, 'relu'),
  ],
  'among all else': [
    rescaling(17),
    unbiased(17, 40),
    batchNormalization(40),
    activation(40, 'gelu'),
    dropout(40, 0, 0.5),
    unbiased(40, 33),
    activation(33, 'relu'),
    batchNormalization(33, { center: false }),
    rescaling(33),
    dropout(33, 1),
    dense(33, 10, 'tanh'),
  ],
};

conformance('one step of batch normalisation', () => {
  for (const [name, layers] of Object.entries(STACKS)) {
    const types = layers[0].kind === 'rescaling' ? (['float32', 'uint8'] as const) : (['float32'] as const);
    test.each(types)(`${name}, %s`, async (dtype) => {
      const plan = planOf(layers, dtype === 'uint8' ? 'sparseCategoricalCrossentropy' : 'meanSquaredError');
      const backend = await runs(plan, CANNOT);
      if (!backend) return;
      await expectLikeReference(backend, { plan, examples: randomExamples(plan, 31, dtype), batchSize: 31 });
    });
  }

  // Panels of 4 to 16 columns, whole and not; of more than one block of rows.
  const widths = [1, 2, 7, 8, 9, 16, 17, 40, 64, 130];
  const batches = [1, 2, 33, 64, 700];
  for (const [i, width] of widths.entries()) {
    const batch = batches[i % batches.length];
    if (isShort && batch * width > 4000) continue;
    test(`width ${width}, batch ${batch}`, async () => {
      const plan = planOf([...block(20, width), dense(width, 12)], 'categoricalCrossentropy');
      const backend = await runs(plan, CANNOT);
      if (!backend) return;
      await expectLikeReference(backend, { plan, examples: randomExamples(plan, batch), batchSize: batch });
    });
  }
});

if (target.provider === 'native' && (target.request?.kernels ?? 'auto') === 'auto')
  conformance('kernels that are chosen', () => {
    test.each([
      ['after bytes', 'fused', undefined],
      ['first', 'framework', 'batch normalisation before the first dense layer has no fused kernels'],
    ])('%s', async (stack, kernels, notFused) => {
      const plan = planOf(STACKS[stack], 'meanSquaredError');
      await withSession(await openBackend(), plan, randomState(plan), async ({ description }) => {
        expect(description).toMatchObject({ kernels });
        expect(description.notFused).toBe(notFused);
      });
    });
  });

conformance('many steps of batch normalisation', () => {
  const steps = isShort ? 30 : 100;
  test.each(NAMES)('%s, the last batch a part', async (name) => {
    const plan = planOf(
      [...block(17, 33), ...block(33, 16, 'tanh'), dense(16, 10)],
      'sparseCategoricalCrossentropy',
      OPTIMIZERS[name],
    );
    const backend = await runs(plan, CANNOT);
    if (!backend) return;
    const run = { plan, examples: randomExamples(plan, 16 * steps - 5), batchSize: 16, rate: 0.001 };
    const { state } = await expectLikeReference(backend, run, TOLERANCE.trajectory);
    // What an optimiser does not change has no state of it.
    for (const [p, { trainable }] of parametersOf(plan).entries())
      for (const slot of state.slots)
        if (!trainable) expect(slot[p].every((value) => value === 0)).toBe(true);
  });

  test('gradients that accumulate are clipped, averages move with each batch', async () => {
    const optimizer = { ...OPTIMIZERS.adam, clipNorm: 0.05, gradientAccumulationSteps: 3 };
    const plan = planOf([...block(17, 33), dense(33, 10)], 'sparseCategoricalCrossentropy', optimizer);
    const backend = await runs(plan, CANNOT);
    if (!backend) return;
    const run = { plan, examples: randomExamples(plan, 16 * 7), batchSize: 16 };
    await expectLikeReference(backend, run, TOLERANCE.trajectory);
  });

  test('that is not trained keeps its averages', async () => {
    const layers = [...block(17, 33, 'relu', { trainable: false }), dense(33, 10)];
    const plan = planOf(layers, 'sparseCategoricalCrossentropy');
    const backend = await runs(plan, CANNOT);
    if (!backend) return;
    const state = randomState(plan);
    const run = { plan, state, examples: randomExamples(plan, 64), batchSize: 16 };
    const after = await expectLikeReference(backend, run, TOLERANCE.trajectory);
    for (const p of [1, 2, 3, 4]) expect(sameBits(after.state.weights[p], state.weights[p])).toBe(true);
  });

  test('in two spans as in one', async () => {
    const plan = planOf([...block(17, 33), dense(33, 10)], 'sparseCategoricalCrossentropy');
    const backend = await runs(plan, CANNOT);
    if (!backend) return;
    const examples = randomExamples(plan, 64);
    const whole = await train(backend, { plan, examples, batchSize: 16 });
    const order = Uint32Array.from({ length: 32 }, (_, i) => i);
    const half = await train(backend, { plan, examples, batchSize: 16, order });
    const rest = { plan, examples, batchSize: 16, order: order.map((row) => row + 32), state: half.state };
    const { state } = await train(backend, rest);
    for (const [p, w] of whole.state.weights.entries())
      expect(relativeL2(state.weights[p], w)).toBeLessThan(1e-6);
  });
});

conformance('batch normalisation where nothing is trained', () => {
  const STACK = [rescaling(70), ...block(70, 40), dropout(40, 0), ...block(40, 7, 'tanh'), dense(7, 3)];
  const evaluated = (plan: TrainPlan, bytes: boolean) =>
    randomExamples(plan, 130, bytes ? 'uint8' : 'float32');

  test.each([false, true])('evaluates and predicts by the moving averages, bytes: %s', async (bytes) => {
    const plan = planOf(STACK, 'categoricalCrossentropy');
    const backend = await runs(plan, CANNOT);
    if (!backend) return;
    const examples = evaluated(plan, bytes);
    const ask = (of: typeof backend) =>
      withSession(of, plan, randomState(plan), async (session) => {
        const data = await session.upload(examples);
        const before = await session.predict(examples.x);
        const means = await session.evaluate(data, { begin: 3, end: 129 }, 32);
        const span = { data, batchSize: 32, firstStep: 0, learningRates: new Float32Array(2).fill(0.01) };
        await session.run({ ...span, order: Uint32Array.from({ length: 64 }, (_, i) => i) });
        return { before, means, after: await session.predict(examples.x) };
      });
    const [actual, expected] = [await ask(backend), await ask(referenceBackend)];
    expect(relativeL2(actual.before, expected.before)).toBeLessThan(1e-6);
    expect(relativeL2(actual.after, expected.after)).toBeLessThan(1e-5);
    expect(Math.abs(actual.means.loss / expected.means.loss - 1)).toBeLessThan(1e-6);
    expect(actual.means.metrics[0]).toBeCloseTo(expected.means.metrics[0], 6);
    // A row's prediction does not depend on the others.
    await withSession(backend, plan, randomState(plan), async (session) => {
      const one = await session.predict(examples.x.slice(0, 70));
      expect(relativeL2(one, expected.before.slice(0, 3))).toBeLessThan(1e-6);
    });
  });
});

conformance('batch normalisation in threads', () => {
  // By columns and by rows, each before and after; more rows than a block of other nets has.
  const NETS: LayerPlan[][] = [
    [...block(70, 288), dense(288, 10)],
    [...block(70, 40), dropout(40, 0), ...block(40, 288, 'gelu'), ...block(288, 20), dense(20, 10)],
    [dense(70, 100, 'relu'), batchNormalization(100), unbiased(100, 10), batchNormalization(10)],
    [rescaling(70), ...block(70, 128), dense(128, 10)],
  ];
  test.each(NETS.map((layers, i) => [i, layers] as const))(
    'any number trains the same, net %s',
    async (_, layers) => {
      const plan = planOf(layers, 'sparseCategoricalCrossentropy');
      if (!(await runs(plan, CANNOT))) return;
      const bytes = layers[0].kind === 'rescaling';
      for (const batchSize of [32, 1500])
        await expectSameForAnyThreads({
          plan,
          examples: randomExamples(plan, batchSize * 6 - 9, bytes ? 'uint8' : 'float32'),
          batchSize,
        });
    },
  );
});
