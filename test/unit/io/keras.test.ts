/** Files of Keras 3: those that the real one wrote (test/support/keras/models.py), and ours. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import {
  constraints,
  convertModel,
  initializers,
  layers,
  loadModel,
  loadWeights,
  losses,
  metrics,
  optimizers,
  regularizers,
  saveModel,
  sequential,
} from '../../../src/index';
import { hdf5 } from '../../../src/io/keras/hdf5';
import { failure } from '../../support/models';
import { temporaryFolder } from '../../support/script';

const KERAS = resolve(__dirname, '../../support/keras/models');
const { x, ...predicted } = JSON.parse(readFileSync(join(KERAS, 'predictions.json'), 'utf8'));
const PLAIN = { backend: 'tfjs', tfjsEngine: 'cpu', quiet: true } as const;
const root = temporaryFolder();
afterAll(() => hdf5.close());
let count = 0;
const fresh = (name: string) => join(root, `${count++}-${name}`);

const difference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));

test.each(['sequential', 'functional', 'normalized', 'activated'])(
  '%s: predictions are those of Keras',
  async (name) => {
    const model = await loadModel(join(KERAS, `${name}.keras`), PLAIN);
    const { data, shape } = await model.predict(x);
    expect(shape).toEqual([5, 3]);
    expect(difference(data, predicted[name].flat())).toBeLessThan(1e-6);
    // Of a net whose last relu leaves nothing all rows are the same, whatever came before.
    expect(difference(predicted[name][0], predicted[name][4])).toBeGreaterThan(0.01);
  },
);

test('what it was compiled with', async () => {
  const { compile } = (await loadModel(join(KERAS, 'sequential.keras'), PLAIN)).toJSON();
  const rate = Math.fround(0.002);
  expect(compile).toEqual({
    optimizer: optimizers.adamw({ learningRate: rate, weightDecay: 0.01, clipNorm: 2 }),
    loss: { kind: 'sparseCategoricalCrossentropy', fromLogits: false },
    metrics: [{ kind: 'accuracy', name: 'accuracy' }],
  });
});

test('weights.h5: into a model of the same layers, all or nothing', async () => {
  const source = await loadModel(join(KERAS, 'sequential.keras'), PLAIN);
  const blank = sequential(source.toJSON().layers);
  blank.runOn(PLAIN);
  await loadWeights(blank, join(KERAS, 'sequential.weights.h5'));
  expect(await blank.getWeights()).toEqual(await source.getWeights());
  const other = sequential([layers.dense(2, { inputShape: [2] })]);
  other.runOn(PLAIN);
  const before = await other.getWeights();
  const error = await failure(loadWeights(other, join(KERAS, 'sequential.weights.h5')));
  expect([error.code, error.message]).toEqual([
    'ERR_FILE_FORMAT',
    expect.stringContaining('layers/dense_1/vars/0 is too many'),
  ]);
  expect(await other.getWeights()).toEqual(before);
  expect((await failure(loadWeights(other, 'x.h5'))).code).toBe('ERR_ARG');
});

/** Every layer, every activation. */
function everything() {
  const model = sequential(
    [
      layers.rescaling(1 / 255, { inputShape: [2, 3, 1], offset: -0.5 }),
      layers.batchNormalization({ momentum: 1 }),
      layers.flatten(),
      layers.batchNormalization({ scale: false, epsilon: 0.5, name: 'normal', trainable: false }),
      ...(
        ['relu', 'sigmoid', 'tanh', 'elu', 'gelu', 'silu', 'selu', 'softplus', 'leakyRelu', 'linear'] as const
      ).map((activation) => layers.dense(4, { activation })),
      layers.dropout(0.5),
      layers.dense(4, { useBias: false, name: 'plain', kernelRegularizer: 'l1', trainable: false }),
      layers.dense(4, {
        kernelRegularizer: { l2: 1e-3 },
        biasRegularizer: regularizers.l1(1e-4),
        kernelInitializer: 'heNormal',
        biasInitializer: initializers.constant(0.5),
        kernelConstraint: { maxNorm: 3 },
        biasConstraint: constraints.maxNorm(1),
      }),
      layers.activation('gelu'),
      layers.activation('silu'),
      layers.activation('leakyRelu', { negativeSlope: -0.125 }),
      layers.dense(3, { activation: 'softmax', name: 'out' }),
    ],
    { name: 'everything' },
  );
  model.compile({
    optimizer: optimizers.rmsprop({ rho: 0.8, clipNorm: 3, gradientAccumulationSteps: 4 }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy', 'mae'],
    seed: 5,
    ...PLAIN,
  });
  return model;
}

test.each(['x.keras', 'x.npz', 'x.safetensors', 'folder'])(
  '%s: written and read, bit for bit',
  async (name) => {
    const model = everything();
    const path = fresh(name);
    await saveModel(model, path);
    const back = await loadModel(path, PLAIN);
    expect(await back.getWeights()).toEqual(await model.getWeights());
    const { compile, ...rest } = model.toJSON();
    const { compile: read, ...others } = back.toJSON();
    expect(others).toEqual(rest);
    // Keras keeps no seed of a training.
    expect({ ...read, seed: 5 }).toEqual(compile);
  },
);

test('losses from logits and each optimiser come back', async () => {
  for (const kind of ['sgd', 'adam', 'adamw', 'rmsprop'] as const) {
    const model = sequential([layers.dense(3, { inputShape: [2] })]);
    const loss = { kind: 'sparseCategoricalCrossentropy', fromLogits: true } as const;
    model.compile({ optimizer: kind, loss, ...PLAIN });
    const path = fresh('x.keras');
    await saveModel(model, path);
    expect((await loadModel(path, PLAIN)).toJSON().compile).toEqual(model.toJSON().compile);
  }
});

test.each([
  ['categoricalCrossentropy', 'softmax', false],
  ['binaryCrossentropy', 'linear', true],
] as const)('smoothed labels come back: %s', async (kind, activation, fromLogits) => {
  const model = sequential([layers.dense(3, { inputShape: [2], activation })]);
  model.compile({ optimizer: 'adam', loss: losses[kind]({ labelSmoothing: 0.25, fromLogits }), ...PLAIN });
  const path = fresh('x.keras');
  await saveModel(model, path);
  expect((await loadModel(path, PLAIN)).toJSON().compile).toEqual(model.toJSON().compile);
});

test('a huber loss comes back with its delta; of Keras by name, with the default', async () => {
  const model = sequential([layers.dense(3, { inputShape: [2] })]);
  model.compile({ optimizer: 'adam', loss: losses.huber({ delta: 2 }), ...PLAIN });
  const path = fresh('x.keras');
  await saveModel(model, path);
  expect((await loadModel(path, PLAIN)).toJSON().compile).toEqual(model.toJSON().compile);
  const files = unzipSync(readFileSync(path));
  const config = JSON.parse(strFromU8(files['config.json']));
  expect(config.compile_config.loss.config.delta).toBe(2);
  config.compile_config.loss = 'huber';
  writeFileSync(path, zipSync({ ...files, 'config.json': strToU8(JSON.stringify(config)) }, { level: 0 }));
  expect((await loadModel(path, PLAIN)).toJSON().compile!.loss).toEqual(losses.huber());
});

test('numbers that Keras wants as floats are written so, whatever they are', async () => {
  const path = fresh('x.keras');
  const model = sequential([layers.dense(3, { inputShape: [2] })]);
  model.compile({ optimizer: optimizers.sgd({ learningRate: 1, clipNorm: 2 }), loss: 'mse', ...PLAIN });
  await saveModel(model, path);
  const config = strFromU8(unzipSync(readFileSync(path))['config.json']);
  for (const part of ['"learning_rate":1.0', '"momentum":0.0', '"global_clipnorm":2.0', '"nesterov":false'])
    expect(config).toContain(part);
  expect((await loadModel(path, PLAIN)).toJSON().compile).toEqual(model.toJSON().compile);
});

const OUTPUT = {
  categoricalCrossentropy: 'softmax',
  binaryCrossentropy: 'sigmoid',
  meanSquaredError: 'softmax',
  meanAbsoluteError: 'linear',
} as const;
const keptBy = async (loss: keyof typeof OUTPUT, units: number, given: unknown[]) => {
  const path = fresh('x.keras');
  const model = sequential([layers.dense(units, { inputShape: [2], activation: OUTPUT[loss] })]);
  model.compile({ optimizer: 'sgd', loss, ...PLAIN });
  await saveModel(model, path);
  const files = unzipSync(readFileSync(path));
  const config = JSON.parse(strFromU8(files['config.json']));
  config.compile_config.metrics = given;
  writeFileSync(path, zipSync({ ...files, 'config.json': strToU8(JSON.stringify(config)) }, { level: 0 }));
  return (await loadModel(path, PLAIN)).toJSON().compile!.metrics;
};

test("a metric of Keras' is read where it counts the same here, and not otherwise", async () => {
  const accuracy = { kind: 'accuracy', name: 'accuracy' };
  const object = (class_name: string, config: object) => ({ class_name, config });
  // It keeps the name under which Keras logs it.
  expect(await keptBy('categoricalCrossentropy', 3, ['acc'])).toEqual([{ kind: 'accuracy', name: 'acc' }]);
  expect(await keptBy('categoricalCrossentropy', 3, ['mean_squared_error'])).toEqual([
    { kind: 'meanSquaredError', name: 'mean_squared_error' },
  ]);
  expect(await keptBy('binaryCrossentropy', 1, ['accuracy'])).toEqual([accuracy]);
  // Of several outputs Keras counts the greatest, whatever the loss.
  expect(await keptBy('binaryCrossentropy', 3, ['accuracy', 'categorical_accuracy'])).toEqual([]);
  expect(await keptBy('binaryCrossentropy', 3, [object('BinaryAccuracy', { name: 'right' })])).toEqual([
    { kind: 'accuracy', name: 'right' },
  ]);
  expect(await keptBy('binaryCrossentropy', 3, [object('BinaryAccuracy', { threshold: 0.7 })])).toEqual([]);
  // As a word it is what goes with the loss, however it is written; as a class it counts outputs that equal their targets.
  expect(await keptBy('categoricalCrossentropy', 3, ['Accuracy'])).toMatchObject([{ kind: 'accuracy' }]);
  expect(await keptBy('categoricalCrossentropy', 3, [object('Accuracy', accuracy)])).toEqual([]);
  const given = [
    object('TopKCategoricalAccuracy', { name: 'top2', k: 2 }),
    object('AUC', {}),
    'mse',
    7,
    null,
  ];
  expect(await keptBy('categoricalCrossentropy', 3, given)).toEqual([
    { kind: 'topK', name: 'top2', k: 2 },
    { kind: 'meanSquaredError', name: 'mse' },
  ]);
  expect(await keptBy('categoricalCrossentropy', 3, [object('TopKCategoricalAccuracy', { k: 9 })])).toEqual(
    [],
  );
});

test('of classes that are trained as values accuracy is kept; of other values only what is among the greatest', async () => {
  const topK = { class_name: 'TopKCategoricalAccuracy', config: { name: 'top2', k: 2 } };
  const kept = [
    { kind: 'accuracy', name: 'accuracy' },
    { kind: 'topK', name: 'top2', k: 2 },
  ];
  expect(await keptBy('meanSquaredError', 3, ['accuracy', topK])).toEqual(kept);
  expect(await keptBy('meanAbsoluteError', 3, ['accuracy', topK])).toEqual(kept.slice(1));
});

test('metrics come back from .keras; accuracy of logits, which Keras counts otherwise, is left out and said', async () => {
  const model = sequential([layers.dense(3, { inputShape: [2], activation: 'softmax' })]);
  const given = ['accuracy', metrics.topK(2)] as const;
  model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: [...given], ...PLAIN });
  const [path, own] = [fresh('a.keras'), fresh('own')];
  await saveModel(model, path);
  expect((await loadModel(path, PLAIN)).toJSON().compile).toEqual(model.toJSON().compile);
  const logits = sequential([layers.dense(1, { inputShape: [2] })]);
  const loss = losses.binaryCrossentropy({ fromLogits: true });
  logits.compile({ optimizer: 'adam', loss, metrics: ['accuracy'], ...PLAIN });
  await saveModel(logits, own);
  const { leftOut } = await convertModel(own, fresh('b.keras'));
  expect(leftOut).toEqual(['the metric accuracy of logits']);
});

test('a chain of conversions ends with the weights that it began with', async () => {
  const names = ['a.keras', 'b.npz', 'c', 'd.keras', 'e.weights.h5', 'f.safetensors', 'g.keras'];
  let source = join(KERAS, 'sequential.keras');
  for (const name of names) {
    const destination = fresh(name);
    const model = source.endsWith('.h5') ? join(KERAS, 'sequential.keras') : undefined;
    await convertModel(source, destination, { model });
    source = destination;
  }
  const [first, last] = [
    await loadModel(join(KERAS, 'sequential.keras'), PLAIN),
    await loadModel(source, PLAIN),
  ];
  expect(await last.getWeights()).toEqual(await first.getWeights());
});

const NO_COUNTERPART = ['optimizer, loss and metrics: not all of them have a counterpart here'];
const topK = { class_name: 'TopKCategoricalAccuracy', config: { k: 2 } };
test.each<[string, object | null, string[]]>([
  ['no training', null, []],
  ['an optimiser that is unknown here', { optimizer: { class_name: 'Nadam', config: {} } }, NO_COUNTERPART],
  [
    'a rate that decays by itself',
    { optimizer: { class_name: 'RMSprop', config: { learning_rate: 0.1, rho: 0.9, decay: 0.01 } } },
    NO_COUNTERPART,
  ],
  [
    'labels that do not count',
    { loss: { class_name: 'SparseCategoricalCrossentropy', config: { ignore_class: 2 } } },
    NO_COUNTERPART,
  ],
  [
    'a loss along the batch',
    { loss: { class_name: 'CategoricalCrossentropy', config: { axis: 0 } } },
    NO_COUNTERPART,
  ],
  ['a metric', { metrics: ['accuracy', topK] }, ['the metric TopKCategoricalAccuracy']],
  [
    'a loss of weight 1, weighted metrics',
    { loss_weights: [1], weighted_metrics: ['mae'] },
    ['weighted_metrics'],
  ],
  ['a loss with a weight', { loss_weights: [2] }, [...NO_COUNTERPART, 'loss_weights']],
  ['a loss with a number as its weight', { loss_weights: 0.5 }, [...NO_COUNTERPART, 'loss_weights']],
])('a conversion says what it did not read: %s', async (_, change, leftOut) => {
  const files = unzipSync(readFileSync(join(KERAS, 'sequential.keras')));
  const config = JSON.parse(strFromU8(files['config.json']));
  config.compile_config = change && { ...config.compile_config, ...change };
  const source = fresh('x.keras');
  writeFileSync(source, zipSync({ ...files, 'config.json': strToU8(JSON.stringify(config)) }, { level: 0 }));
  expect((await convertModel(source, fresh('x'))).leftOut).toEqual(leftOut);
});

// test/long/formats.test.ts has onnx.checker and onnxruntime look at this file, and compares predictions.
test.each(['sequential', 'normalized'])('ONNX: the bytes that onnxruntime runs, %s', async (name) => {
  const path = fresh('x.onnx');
  const { leftOut } = await convertModel(join(KERAS, `${name}.keras`), path);
  expect(leftOut).toHaveLength(1);
  const golden = join(KERAS, `${name}.onnx`);
  // To write it anew, remove it; the long test then has to pass.
  if (!existsSync(golden)) writeFileSync(golden, readFileSync(path));
  expect(readFileSync(path).equals(readFileSync(golden))).toBe(true);
});

function messagesIn(bytes: Uint8Array, field: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const reader = new BinaryReader(bytes); reader.pos < reader.len; ) {
    const [number, type] = reader.tag();
    if (number === field) found.push(reader.bytes());
    else reader.skip(type);
  }
  return found;
}

test('layers named as the input and the output make files of unique names', async () => {
  const names = ['input', 'input_layer', 'output'];
  const model = sequential([
    layers.flatten({ inputShape: [2, 2], name: names[0] }),
    layers.activation('tanh', { name: names[1] }),
    layers.dense(1, { name: names[2] }),
  ]);
  model.runOn(PLAIN);
  const [keras, onnx] = [fresh('x.keras'), fresh('x.onnx')];
  await saveModel(model, keras);
  const config = JSON.parse(strFromU8(unzipSync(readFileSync(keras))['config.json']));
  expect(config.config.layers.map((layer: { config: { name: string } }) => layer.config.name)).toEqual([
    'input_layer_1',
    ...names,
  ]);
  await saveModel(model, onnx);
  const [graph] = messagesIn(readFileSync(onnx), 7);
  const outputs = messagesIn(graph, 1).map((node) => strFromU8(messagesIn(node, 2)[0]));
  expect(outputs).toEqual(['input/layer', 'input_layer', 'output/layer', 'output']);
});

test.each([
  ['x.keras', 'fusor', 'a folder or a file NAME.safetensors'],
  ['folder', 'keras', 'a file NAME.keras'],
  ['folder', 'onnx', 'a file NAME.onnx'],
  ['x.npz', 'tfjs', 'a folder'],
] as const)('%s is not written as %s', async (name, format, wanted) => {
  const error = await failure(saveModel(everything(), fresh(name), { format }));
  expect([error.code, error.message]).toEqual(['ERR_ARG', expect.stringContaining(`written to ${wanted}`)]);
});
