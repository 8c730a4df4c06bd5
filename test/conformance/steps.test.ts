/** One step and a hundred steps of every layer, activation, loss, optimiser and metric, at odd sizes. */
import type { LayerPlan, LossPlan, MetricPlan, SessionState, TrainPlan } from '../../src/backend/contract';
import { uniform } from '../../src/random';
import {
  ACTIVATIONS,
  APART,
  activation,
  dense,
  LOSSES,
  OPTIMIZERS,
  planOf,
  randomExamples,
  randomState,
} from '../support/plans';
import { referenceBackend } from '../support/reference';
import { conformance, isShort, openBackend, target } from './target';
import { expectLikeReference, TOLERANCE, train, within } from './training';

const BATCHES = [1, 2, 3, 7, 31, 32, 33];
const INPUTS = [1, 3, 17, 64, 65, 130];
const UNITS = [1, 2, 10, 16, 17, 33, 65, 129];
const KINDS = Object.keys(LOSSES) as LossPlan['kind'][];
const NAMES = Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[];

/** A state as if training had gone on for a while: a step count, and slots that are not zero. */
function warmState(plan: TrainPlan): SessionState {
  const state = randomState(plan);
  const isSquare = (s: number) => plan.optimizer.kind === 'rmsprop' || s === 1;
  const slots = state.slots.map((slot, s) =>
    slot.map((values, p) => uniform(values.length, 0.01, 4, p).map((v) => (isSquare(s) ? Math.abs(v) : v))),
  );
  return { ...state, step: 5, slots };
}

conformance('one step of every combination', () => {
  let number = 0;
  for (const activation of ACTIVATIONS)
    for (const loss of KINDS)
      for (const name of NAMES) {
        const i = number++;
        if (isShort && i % 5 > 0) continue;
        const [batch, inputs] = [BATCHES[i % BATCHES.length], INPUTS[i % INPUTS.length]];
        const units = UNITS[(3 * i + Math.floor(i / 8)) % UNITS.length];
        const outputs = [2, 10, 3, 17][i % 4];
        const title = `${inputs}-${units} ${activation}-${outputs}, batch ${batch}, ${loss}, ${name}`;
        test(title, async () => {
          const layers = [dense(inputs, units, activation), dense(units, outputs)];
          const plan = planOf(layers, loss, OPTIMIZERS[name]);
          const state = i % 2 ? warmState(plan) : randomState(plan);
          const examples = randomExamples(plan, batch);
          await expectLikeReference(await openBackend(), { plan, state, examples, batchSize: batch });
        });
      }
});

const softmaxLayer = (width: number): LayerPlan => ({
  kind: 'activation',
  name: 's',
  width,
  activation: 'softmax',
});
const rescaling = (width: number): LayerPlan => ({
  kind: 'rescaling',
  name: 'r',
  width,
  scale: 1 / 255,
  offset: -0.5,
});
const dropout = (width: number, stream: number): LayerPlan => ({
  kind: 'dropout',
  name: 'o',
  width,
  rate: 0.3,
  stream,
});

const STACKS: Record<string, LayerPlan[]> = {
  'one layer': [dense(17, 10)],
  'one layer without bias': [dense(17, 10, 'linear', false)],
  'an activation on the last layer': [dense(17, 10, 'tanh')],
  'three hidden layers': [dense(17, 33, 'relu'), dense(33, 16, 'tanh'), dense(16, 20, 'elu'), dense(20, 10)],
  'no bias anywhere': [dense(17, 33, 'relu', false), dense(33, 10, 'linear', false)],
  'bias in the last layer only': [dense(17, 33, 'relu', false), dense(33, 10)],
  'rescaling first': [rescaling(17), dense(17, 33, 'relu'), dense(33, 10)],
  'two rescalings first': [rescaling(17), rescaling(17), dense(17, 10)],
  'rescaling in the middle': [dense(17, 33), rescaling(33), dense(33, 10)],
  'rescaling last': [dense(17, 10), rescaling(10)],
  'activation layers': ACTIVATIONS.flatMap((activation): LayerPlan[] => [
    dense(17, 17),
    { kind: 'activation', name: activation, width: 17, activation },
  ]).concat(dense(17, 10)),
  'layers that no product carries': APART.flatMap((kind) => [activation(17, kind), dense(17, 17)]).concat(
    dense(17, 17, 'relu'),
    activation(17, 'silu'),
    dropout(17, 1),
    activation(17, 'leakyRelu'),
    dense(17, 10),
  ),
  'such a layer last': [dense(17, 10), activation(10, 'silu')],
  'a softmax layer inside': [dense(17, 20, 'relu'), softmaxLayer(20), dense(20, 10)],
  'dropout first': [dropout(17, 0), dense(17, 33, 'relu'), dense(33, 10)],
  'dropout between': [
    dense(17, 33, 'relu'),
    dropout(33, 1),
    dense(33, 20, 'relu'),
    dropout(20, 2),
    dense(20, 10),
  ],
  'dropout after rescaling': [rescaling(17), dropout(17, 3), dense(17, 10)],
  'dropout last': [dense(17, 10), dropout(10, 1)],
};

conformance('one step of every stack of layers', () => {
  for (const [name, layers] of Object.entries(STACKS)) {
    // Raw bytes are up to 255: only a rescaling makes them a sensible input.
    const types = layers[0].kind === 'rescaling' ? (['float32', 'uint8'] as const) : (['float32'] as const);
    test.each(types)(`${name}, %s`, async (dtype) => {
      const loss = dtype === 'uint8' ? 'sparseCategoricalCrossentropy' : 'meanSquaredError';
      const plan = planOf(layers, loss, OPTIMIZERS.adam);
      await expectLikeReference(await openBackend(), {
        plan,
        examples: randomExamples(plan, 31, dtype),
        batchSize: 31,
      });
    });
  }
});

// A CPU computes in fp32, and so do fused kernels but for what tf32 leaves out.
if (target.request?.device === 'cuda' && target.request.kernels === 'framework')
  conformance('one step of every stack of layers, its products of bfloat16', () => {
    test.each(Object.keys(STACKS))('%s', async (name) => {
      const plan = planOf(STACKS[name], 'meanSquaredError', OPTIMIZERS.adam);
      const run = { plan, examples: randomExamples(plan, 31), batchSize: 31 };
      const { report } = await train(await openBackend({ precision: 'bf16' }), run);
      const [expected] = (await train(referenceBackend, run)).report.losses;
      within('losses of bfloat16', Math.abs(report.losses[0] / expected - 1), 0.02);
    });
  });

conformance('the output activation', () => {
  for (const loss of ['meanSquaredError', 'meanAbsoluteError'] as const) {
    test.each([...ACTIVATIONS, 'softmax'] as const)(`%s, ${loss}`, async (output) => {
      const plan = planOf([dense(17, 9, 'relu'), dense(9, 5)], loss, OPTIMIZERS.sgd, { output });
      await expectLikeReference(await openBackend(), {
        plan,
        examples: randomExamples(plan, 7),
        batchSize: 7,
      });
    });
  }

  test('cross-entropy takes the logits whatever the output is', async () => {
    for (const output of ['linear', 'softmax'] as const) {
      const plan = planOf([dense(17, 5)], 'categoricalCrossentropy', OPTIMIZERS.sgd, { output });
      await expectLikeReference(await openBackend(), {
        plan,
        examples: randomExamples(plan, 7),
        batchSize: 7,
      });
    }
  });
});

conformance('metrics', () => {
  const forClasses: MetricPlan[] = [
    { kind: 'categoricalAccuracy', name: 'accuracy' },
    { kind: 'topK', name: 'top1', k: 1 },
    { kind: 'topK', name: 'top3', k: 3 },
    { kind: 'topK', name: 'top99', k: 99 },
  ];
  const forValues: MetricPlan[] = [
    { kind: 'meanSquaredError', name: 'mse' },
    { kind: 'meanAbsoluteError', name: 'mae' },
    { kind: 'binaryAccuracy', name: 'accuracy', threshold: 0.5 },
    { kind: 'binaryAccuracy', name: 'strict', threshold: 0.8 },
  ];
  const cases: [LossPlan['kind'], MetricPlan[]][] = [
    ['sparseCategoricalCrossentropy', forClasses],
    ['categoricalCrossentropy', [...forClasses, ...forValues]],
    ['binaryCrossentropy', forValues],
    ['meanSquaredError', forValues],
  ];
  test.each(cases)('%s', async (loss, metrics) => {
    const plan = planOf([dense(17, 33, 'relu'), dense(33, 7)], loss, OPTIMIZERS.adam, { metrics });
    await expectLikeReference(await openBackend(), {
      plan,
      examples: randomExamples(plan, 64),
      batchSize: 64,
    });
  });

  test('none', async () => {
    const plan = planOf([dense(17, 7)], 'categoricalCrossentropy', OPTIMIZERS.adam, { metrics: [] });
    await expectLikeReference(await openBackend(), { plan, examples: randomExamples(plan, 9), batchSize: 9 });
  });
});

conformance('a hundred steps', () => {
  const steps = isShort ? 30 : 100;
  const long: [string, LayerPlan[], LossPlan['kind']][] = [
    ['relu', [dense(17, 33, 'relu'), dense(33, 10)], 'sparseCategoricalCrossentropy'],
    ['gelu, dropout', [dense(17, 33, 'gelu'), dropout(33, 1), dense(33, 10)], 'binaryCrossentropy'],
    ['tanh, elu', [dense(17, 33, 'tanh'), dense(33, 16, 'elu'), dense(16, 3)], 'meanSquaredError'],
  ];
  for (const [title, layers, loss] of long) {
    test.each(NAMES)(`${title}, %s`, async (name) => {
      const plan = planOf(layers, loss, OPTIMIZERS[name]);
      const examples = randomExamples(plan, 16 * steps);
      const run = { plan, examples, batchSize: 16, rate: 0.001 };
      await expectLikeReference(await openBackend(), run, TOLERANCE.trajectory);
    });
  }
});
