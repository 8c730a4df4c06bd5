/** Both ways between fusor and the real TensorFlow.js. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type DenseOptions,
  initializers,
  layers,
  loadModel,
  losses,
  type Model,
  ndarray,
  optimizers,
  regularizers,
  saveModel,
  sequential,
} from '../../../../src/index';
import { uniform } from '../../../../src/random';
import { greatestRelative } from '../../../support/compare';
import { temporaryFolder } from '../../../support/script';
import { openWithTfjs, realTfjs, saveWithTfjs } from '../../../support/tfjs';

const root = temporaryFolder();
let count = 0;
const fresh = () => join(root, `model-${count++}`);
const made = () => {
  const folder = fresh();
  mkdirSync(folder);
  return folder;
};
const ROWS = 5;
const DEVICE = { backend: 'tfjs', tfjsEngine: 'cpu', quiet: true } as const;

let tf: Awaited<ReturnType<typeof realTfjs>>;
beforeAll(async () => {
  tf = await realTfjs();
});

async function expectSamePredictions(
  ours: Model,
  theirs: import('@tensorflow/tfjs').LayersModel,
  shape: number[],
) {
  const data = uniform(ROWS * shape.reduce((a, b) => a * b, 1), 1, 4, 0);
  const expected = await (
    theirs.predict(tf.tensor(data, [ROWS, ...shape])) as import('@tensorflow/tfjs').Tensor
  ).data<'float32'>();
  const { data: actual } = await ours.predict(ndarray(data, [ROWS, ...shape]));
  expect(actual.length).toBe(expected.length);
  expect(greatestRelative(actual, expected, 1e-2)).toBeLessThan(2e-6);
}

const STACKS = {
  flagship: () => [
    layers.rescaling(1 / 255, { inputShape: [4, 4, 1], offset: 0.25 }),
    layers.flatten(),
    layers.dense(12, { activation: 'relu' }),
    layers.dropout(0.3),
    layers.dense(3, { activation: 'softmax' }),
  ],
  'every activation, no bias': () => [
    layers.input([6]),
    ...(
      ['relu', 'sigmoid', 'tanh', 'elu', 'gelu', 'silu', 'selu', 'softplus', 'leakyRelu', 'linear'] as const
    ).flatMap((activation) => [
      layers.dense(6, { useBias: false, name: `d_${activation}` }),
      layers.activation(activation),
    ]),
    layers.dense(2, { activation: 'sigmoid' }),
  ],
  'batch normalisation': () => [
    layers.batchNormalization({ inputShape: [2, 2, 3], momentum: 0.5 }),
    layers.flatten(),
    layers.dense(4, { useBias: false }),
    layers.batchNormalization({ scale: false, epsilon: 0.01 }),
    layers.activation('relu'),
    layers.dense(4),
    layers.batchNormalization({ center: false, trainable: false }),
    layers.dense(2, { activation: 'sigmoid' }),
  ],
  initialisers: () => [
    ...(
      ['glorotNormal', 'heUniform', 'heNormal', 'lecunUniform', 'lecunNormal', 'zeros', 'ones'] as const
    ).map((one) => layers.dense(3, { kernelInitializer: one, inputShape: [3] })),
    layers.dense(2, { biasInitializer: initializers.constant(-0.5) }),
  ],
  'regularisers and constraints': () => [
    layers.dense(4, { kernelRegularizer: 'l2', biasRegularizer: { l1: 0.5 }, inputShape: [3] }),
    layers.dense(5, { trainable: false }),
    layers.dense(2, {
      kernelRegularizer: regularizers.l1l2({ l1: 0.01, l2: 0.01 }),
      kernelConstraint: { maxNorm: 3 },
      biasConstraint: 'maxNorm',
    }),
  ],
};

describe('what fusor saves, TensorFlow.js opens', () => {
  test.each(Object.entries(STACKS))('%s', async (_, stack) => {
    const model = sequential(stack());
    model.compile({ optimizer: 'adam', loss: 'meanSquaredError', metrics: ['mae'], seed: 1, ...DEVICE });
    const folder = fresh();
    await saveModel(model, folder, { format: 'tfjs' });
    const theirs = await openWithTfjs(tf, folder);
    expect(theirs.layers.map(({ name }) => name).slice(-model.layerNames.length)).toEqual(model.layerNames);
    await expectSamePredictions(model, theirs, [...model.inputShape]);
    const back = await loadModel(folder, DEVICE);
    expect(back.toJSON()).toEqual({ ...model.toJSON(), compile: expect.not.objectContaining({ seed: 1 }) });
    expect((await back.getWeights()).map(({ data }) => [...data])).toEqual(
      (await model.getWeights()).map(({ data }) => [...data]),
    );
  });

  test.each([
    ['sgd', optimizers.sgd({ learningRate: 0.1 }), 'SGD'],
    ['momentum', optimizers.sgd({ momentum: 0.9, nesterov: true }), 'Momentum'],
    ['adam', optimizers.adam({ beta1: 0.8 }), 'Adam'],
    ['rmsprop', optimizers.rmsprop({ rho: 0.8 }), 'RMSProp'],
  ])('its training goes on: %s', async (_, optimizer, className) => {
    const model = sequential([layers.dense(2, { inputShape: [3] })]);
    model.compile({ optimizer, loss: 'meanSquaredError', ...DEVICE });
    const folder = fresh();
    await saveModel(model, folder, { format: 'tfjs' });
    const theirs = await openWithTfjs(tf, folder);
    expect(theirs.optimizer.getClassName()).toBe(className);
    await theirs.fit(tf.ones([4, 3]), tf.ones([4, 2]), { epochs: 1, verbose: 0 });
    expect((await loadModel(folder)).toJSON().compile?.optimizer).toEqual(optimizer);
  });

  test.each([
    ['adamw', 'linear', { optimizer: 'adamw', loss: 'mse' }],
    [
      'smoothed labels',
      'sigmoid',
      { optimizer: 'adam', loss: losses.binaryCrossentropy({ labelSmoothing: 0.1 }) },
    ],
    ['logits', 'linear', { optimizer: 'adam', loss: losses.binaryCrossentropy({ fromLogits: true }) }],
  ] as const)(
    'without its training where TensorFlow.js has no such thing: %s',
    async (_, activation, compile) => {
      const model = sequential([layers.dense(2, { inputShape: [3], activation })]);
      model.compile({ ...compile, ...DEVICE });
      const folder = fresh();
      await saveModel(model, folder, { format: 'tfjs' });
      expect((await openWithTfjs(tf, folder)).optimizer).toBeUndefined();
      expect((await loadModel(folder)).toJSON().compile).toBeUndefined();
    },
  );
});

test('what TensorFlow.js has trained on, fusor opens again', async () => {
  const model = sequential(STACKS.flagship());
  model.compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy', ...DEVICE });
  const folder = fresh();
  await saveModel(model, folder, { format: 'tfjs' });
  const theirs = await openWithTfjs(tf, folder);
  await theirs.fit(tf.ones([4, 4, 4, 1]), tf.oneHot(tf.tensor1d([0, 1, 2, 0], 'int32'), 3), { verbose: 0 });
  const again = made();
  await saveWithTfjs(tf, theirs, again, { includeOptimizer: true });
  await expectSamePredictions(await loadModel(again, DEVICE), theirs, [4, 4, 1]);
});

describe('what TensorFlow.js saves, fusor opens', () => {
  const stack = () =>
    tf.sequential({
      layers: [
        tf.layers.rescaling({ scale: 1 / 255, inputShape: [4, 4, 1] }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 7, activation: 'gelu' as never }),
        tf.layers.dropout({ rate: 0.2 }),
        tf.layers.dense({ units: 6, useBias: false }),
        tf.layers.reLU(),
        tf.layers.dense({ units: 5 }),
        tf.layers.elu(),
        tf.layers.batchNormalization({ gammaInitializer: 'heNormal', movingMeanInitializer: 'ones' }),
        tf.layers.dense({ units: 3 }),
        tf.layers.softmax(),
      ],
    });

  test.each([
    ['one file', Number.POSITIVE_INFINITY],
    ['files of 100 bytes', 100],
  ])('a stack of layers, its weights in %s', async (_, shard) => {
    const theirs = stack();
    const folder = made();
    await saveWithTfjs(tf, theirs, folder, { shard });
    await expectSamePredictions(await loadModel(folder, DEVICE), theirs, [4, 4, 1]);
    await expectSamePredictions(await loadModel(join(folder, 'model.json'), DEVICE), theirs, [4, 4, 1]);
  });

  test('with its optimiser, whose weights stay behind', async () => {
    const theirs = stack();
    const optimizer = tf.train.adam(0.01);
    theirs.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['acc', 'accuracy', 'cosine'] });
    const y = tf.oneHot(tf.tensor1d([0, 1, 2, 0], 'int32'), 3);
    await theirs.fit(tf.ones([4, 4, 4, 1]), y, { epochs: 2, verbose: 0 });
    const folder = made();
    await saveWithTfjs(tf, theirs, folder, { includeOptimizer: true });
    const ours = await loadModel(folder);
    expect(ours.toJSON().compile).toEqual({
      optimizer: optimizers.adam({ learningRate: 0.01 }),
      loss: { kind: 'categoricalCrossentropy', fromLogits: false },
      metrics: [{ kind: 'accuracy', name: 'accuracy' }],
    });
    await expectSamePredictions(await loadModel(folder, DEVICE), theirs, [4, 4, 1]);
  });

  test('an accuracy that goes with another loss counts otherwise here, and is left out', async () => {
    const theirs = stack();
    const read = async (metrics: string[]) => {
      theirs.compile({ optimizer: tf.train.sgd(0.1), loss: 'categoricalCrossentropy', metrics });
      const folder = made();
      await saveWithTfjs(tf, theirs, folder, { includeOptimizer: true });
      return (await loadModel(folder)).toJSON().compile?.metrics;
    };
    expect(await read(['binaryAccuracy', 'mse'])).toEqual([{ kind: 'meanSquaredError', name: 'mse' }]);
    expect(await read(['categoricalAccuracy'])).toEqual([{ kind: 'accuracy', name: 'accuracy' }]);
  });

  test('initialisers, but those that there are none of here', async () => {
    const kernels = ['heNormal', 'leCunUniform', 'glorotUniform', 'orthogonal'] as const;
    const theirs = tf.sequential({
      layers: kernels.map((kernelInitializer) =>
        tf.layers.dense({
          units: 3,
          inputShape: [3],
          kernelInitializer,
          biasInitializer: tf.initializers.ones(),
        }),
      ),
    });
    const folder = made();
    await saveWithTfjs(tf, theirs, folder);
    const { layers: read } = (await loadModel(folder, DEVICE)).toJSON();
    expect(read.map(({ config }) => (config as DenseOptions).kernelInitializer)).toEqual([
      { kind: 'heNormal' },
      { kind: 'lecunUniform' },
      undefined,
      undefined,
    ]);
    expect(read[3].config).toMatchObject({ biasInitializer: { kind: 'constant', value: 1 } });
  });

  test('regularisers and constraints, and the loss with them', async () => {
    const dense = tf.layers.dense({
      units: 2,
      inputShape: [3],
      kernelRegularizer: tf.regularizers.l2({ l2: 0.25 }),
      biasRegularizer: 'l1l2',
      kernelConstraint: tf.constraints.maxNorm({ maxValue: 1.5, axis: 0 }),
    });
    const theirs = tf.sequential({ layers: [dense] });
    theirs.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const folder = made();
    await saveWithTfjs(tf, theirs, folder);
    const ours = await loadModel(folder, DEVICE);
    expect(ours.toJSON().layers[0].config).toMatchObject({
      kernelRegularizer: { l1: 0, l2: 0.25 },
      biasRegularizer: { l1: 0.01, l2: 0.01 },
      kernelConstraint: { maxNorm: 1.5 },
    });
    ours.compile({ optimizer: 'sgd', loss: 'meanSquaredError', ...DEVICE });
    const [x, y] = [
      [1, 2, 3],
      [0.5, -1],
    ];
    // Only the loss of its training has the penalty; ours, as Keras', has it always.
    const { loss } = await ours.evaluate([x], [y]);
    const their = (await theirs.trainOnBatch(tf.tensor([x]), tf.tensor([y]))) as number;
    expect(loss / their).toBeCloseTo(1, 5);
  });

  test('a graph that is a stack, in whatever order its layers are listed', async () => {
    const input = tf.input({ shape: [3] });
    const hidden = tf.layers.dense({ units: 4, activation: 'tanh' }).apply(input) as typeof input;
    const output = tf.layers.dense({ units: 2, activation: 'softmax' }).apply(hidden) as typeof input;
    const theirs = tf.model({ inputs: input, outputs: output });
    const folder = made();
    await saveWithTfjs(tf, theirs, folder);
    await expectSamePredictions(await loadModel(folder, DEVICE), theirs, [3]);
  });
});
