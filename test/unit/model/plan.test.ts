import { parametersOf } from '../../../src/backend/contract';
import { type CompileOptions, compileConfig } from '../../../src/model/compile';
import { type LayerConfig, layers } from '../../../src/model/layers';
import { layoutOf } from '../../../src/model/layout';
import { losses } from '../../../src/model/losses';
import { metrics } from '../../../src/model/metrics';
import { planKey, planOf } from '../../../src/model/plan';
import { failure } from '../../support/models';

const { activation, batchNormalization, dense, dropout, flatten, rescaling } = layers;

const plan = (stack: LayerConfig[], options: Partial<CompileOptions> = {}, seed = 5) =>
  planOf(layoutOf(stack), compileConfig({ optimizer: 'adam', loss: 'mse', ...options }).training, seed);
/** A model of two inputs and `units` outputs. */
const head = (name: 'linear' | 'softmax' | 'sigmoid' | 'relu', units = 3) => [
  dense(units, { activation: name, inputShape: [2] }),
];
const refused = (stack: LayerConfig[], options: Partial<CompileOptions>) =>
  failure(() => plan(stack, options));

test('the flagship: flatten is gone, softmax belongs to the loss', () => {
  const stack = [
    rescaling(1 / 255, { inputShape: [28, 28, 1] }),
    flatten(),
    dense(128, { activation: 'relu' }),
    dense(10, { activation: 'softmax' }),
  ];
  expect(plan(stack, { loss: 'categoricalCrossentropy', metrics: ['accuracy'] }, 7)).toEqual({
    features: 784,
    outputs: 10,
    layers: [
      { kind: 'rescaling', name: 'rescaling', width: 784, scale: 1 / 255, offset: 0 },
      { kind: 'dense', name: 'dense', inputs: 784, outputs: 128, useBias: true, activation: 'relu' },
      { kind: 'dense', name: 'dense_1', inputs: 128, outputs: 10, useBias: true, activation: 'linear' },
    ],
    output: 'softmax',
    targets: 'values',
    loss: { kind: 'categoricalCrossentropy' },
    optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
    metrics: [{ kind: 'categoricalAccuracy', name: 'accuracy' }],
    seed: 7,
  });
});

/** The layers of a plan in short. */
const short = (stack: LayerConfig[]) => {
  const { layers: lowered, output } = plan(stack);
  return [
    ...lowered.map((layer) => ('activation' in layer ? `${layer.kind} ${layer.activation}` : layer.kind)),
    output,
  ];
};
const first = dense(4, { inputShape: [2] });

test.each([
  ['dense + activation', [first, activation('tanh'), dense(1)], ['dense tanh', 'dense linear', 'linear']],
  [
    'through flatten',
    [first, flatten(), activation('relu'), dense(1)],
    ['dense relu', 'dense linear', 'linear'],
  ],
  [
    'only into a linear dense',
    [dense(4, { inputShape: [2], activation: 'relu' }), activation('tanh'), dense(1)],
    ['dense relu', 'activation tanh', 'dense linear', 'linear'],
  ],
  [
    'not past a dropout',
    [first, dropout(0.5), activation('relu'), dense(1)],
    ['dense linear', 'dropout', 'activation relu', 'dense linear', 'linear'],
  ],
  [
    'softmax within stays a layer',
    [dense(4, { inputShape: [2], activation: 'softmax' }), dense(1)],
    ['dense linear', 'activation softmax', 'dense linear', 'linear'],
  ],
  [
    'linear activations vanish',
    [first, activation('linear'), dense(1)],
    ['dense linear', 'dense linear', 'linear'],
  ],
  ['the last activation is lifted', [first, activation('relu')], ['dense linear', 'relu']],
  ['… from a dense', [dense(4, { inputShape: [2], activation: 'elu' })], ['dense linear', 'elu']],
  [
    '… and only that one',
    [dense(4, { inputShape: [2], activation: 'relu' }), activation('softmax')],
    ['dense relu', 'softmax'],
  ],
  [
    'an activation before a dropout is not the last',
    [dense(4, { inputShape: [2], activation: 'relu' }), dropout(0.1)],
    ['dense relu', 'dropout', 'linear'],
  ],
])('folding: %s', (_name, stack, expected) => {
  expect(short(stack)).toEqual(expected);
});

test('lowering leaves the configs alone', () => {
  const layout = layoutOf([first, activation('tanh')]);
  const before = JSON.stringify(layout);
  planOf(layout, compileConfig({ optimizer: 'sgd', loss: 'mse' }).training, 0);
  expect(JSON.stringify(layout)).toBe(before);
});

test('dropouts are numbered', () => {
  const { layers: lowered } = plan([first, dropout(0.1), dense(2), dropout(0.2), dense(1)]);
  const streams = lowered.flatMap((layer) => (layer.kind === 'dropout' ? [[layer.rate, layer.stream]] : []));
  expect(streams).toEqual([
    [0.1, 0],
    [0.2, 1],
  ]);
});

test('rescaling after images keeps the flat width; parameters are kernel, bias', () => {
  const lowered = plan([
    rescaling(2, { offset: 1, inputShape: [2, 3] }),
    flatten(),
    dense(2, { useBias: false }),
  ]);
  expect(lowered.layers[0]).toEqual({ kind: 'rescaling', name: 'rescaling', width: 6, scale: 2, offset: 1 });
  expect(parametersOf(lowered)).toEqual([{ layer: 'dense', kind: 'kernel', shape: [6, 2], trainable: true }]);
});

test('batch normalisation has its channels, parameters of them, and keeps activations apart', () => {
  const lowered = plan([
    batchNormalization({ inputShape: [2, 3], momentum: 0.5 }),
    flatten(),
    dense(2),
    batchNormalization({ center: false, trainable: false }),
    activation('relu'),
    dense(1),
  ]);
  const common = { momentum: 0.99, epsilon: 0.001, scale: true, center: true };
  expect(lowered.layers.filter(({ kind }) => kind === 'batchNormalization')).toEqual([
    {
      kind: 'batchNormalization',
      name: 'batch_normalization',
      width: 6,
      channels: 3,
      ...common,
      momentum: 0.5,
    },
    {
      kind: 'batchNormalization',
      name: 'batch_normalization_1',
      width: 2,
      channels: 2,
      ...common,
      center: false,
      trainable: false,
    },
  ]);
  expect(lowered.layers.map(({ kind }) => kind)).toEqual([
    'batchNormalization',
    'dense',
    'batchNormalization',
    'activation',
    'dense',
  ]);
  const described = parametersOf(lowered).map(
    ({ kind, shape, trainable }) => `${kind} ${shape} ${trainable}`,
  );
  expect(described).toEqual([
    'gamma 3 true',
    'beta 3 true',
    'movingMean 3 false',
    'movingVariance 3 false',
    'kernel 6,2 true',
    'bias 2 true',
    'gamma 2 false',
    'movingMean 2 false',
    'movingVariance 2 false',
    'kernel 2,1 true',
    'bias 1 true',
  ]);
});

test.each([
  ['softmax', 3, 'categoricalCrossentropy'],
  ['softmax', 3, 'sparseCategoricalCrossentropy'],
  ['sigmoid', 1, 'binaryCrossentropy'],
  ['sigmoid', 3, 'binaryCrossentropy'],
  ['linear', 3, losses.categoricalCrossentropy({ fromLogits: true })],
  ['linear', 3, losses.sparseCategoricalCrossentropy({ fromLogits: true })],
  ['linear', 1, losses.binaryCrossentropy({ fromLogits: true })],
  ['linear', 3, 'mse'],
  ['relu', 3, 'mae'],
  ['softmax', 3, 'meanSquaredError'],
] as const)('%s with %p outputs goes with %p', (name, units, loss) => {
  const lowered = plan(head(name, units), { loss });
  expect(lowered.output).toBe(name);
  expect(lowered.targets).toBe(lowered.loss.kind.startsWith('sparse') ? 'labels' : 'values');
});

test.each([
  [
    'linear',
    3,
    'categoricalCrossentropy',
    "'softmax' or use losses.categoricalCrossentropy({ fromLogits: true })",
  ],
  ['linear', 1, 'binaryCrossentropy', "'sigmoid' or use losses.binaryCrossentropy({ fromLogits: true })"],
  [
    'sigmoid',
    3,
    'categoricalCrossentropy',
    "make the last activation 'softmax' or the loss 'binaryCrossentropy'",
  ],
  [
    'softmax',
    3,
    'binaryCrossentropy',
    "make the last activation 'sigmoid' or the loss 'categoricalCrossentropy'",
  ],
  ['relu', 3, 'sparseCategoricalCrossentropy', "make the last activation 'softmax'"],
  ['softmax', 3, losses.categoricalCrossentropy({ fromLogits: true }), 'leave out fromLogits'],
  ['relu', 3, losses.categoricalCrossentropy({ fromLogits: true }), 'remove the last activation'],
  ['softmax', 1, 'categoricalCrossentropy', "use one sigmoid output and 'binaryCrossentropy'"],
] as const)('%s with %p outputs does not go with %p', async (name, units, loss, mend) => {
  const error = await refused(head(name, units), { loss });
  expect(error.code).toBe('ERR_PLAN');
  expect(error.message).toContain(mend);
});

test('a layer after the probabilities is what is in their way', async () => {
  const error = await refused([...head('sigmoid', 1), layers.dropout(0.2)], { loss: 'binaryCrossentropy' });
  expect(error.message).toMatch(/the model ends with a dropout layer.*'sigmoid' be the last/);
});

test.each([
  ['softmax', 3, 'categoricalCrossentropy', { kind: 'categoricalAccuracy', name: 'accuracy' }],
  ['softmax', 3, 'sparseCategoricalCrossentropy', { kind: 'categoricalAccuracy', name: 'accuracy' }],
  ['sigmoid', 1, 'binaryCrossentropy', { kind: 'binaryAccuracy', name: 'accuracy', threshold: 0.5 }],
  [
    'linear',
    1,
    losses.binaryCrossentropy({ fromLogits: true }),
    { kind: 'binaryAccuracy', name: 'accuracy', threshold: 0 },
  ],
  ['softmax', 3, 'mse', { kind: 'categoricalAccuracy', name: 'accuracy' }],
] as const)('accuracy of %s with %p outputs under %p', (name, units, loss, metric) => {
  expect(plan(head(name, units), { loss, metrics: ['accuracy'] }).metrics).toEqual([metric]);
});

test('what would measure the distance to smoothed targets is refused', async () => {
  const loss = losses.categoricalCrossentropy({ labelSmoothing: 0.1 });
  const error = await refused(head('softmax'), { loss, metrics: ['mse'] });
  expect(error.message).toMatch(/distance to the smoothed targets.*use 'accuracy'/);
  const { loss: planned } = plan(head('softmax'), { loss, metrics: ['accuracy', metrics.topK(2)] });
  expect(planned).toEqual({ kind: 'categoricalCrossentropy', labelSmoothing: 0.1 });
});

test('other metrics, with their names', () => {
  const chosen = ['mse', 'mae', metrics.topK(2), metrics.topK(1, { name: 'top1' })] as const;
  expect(plan(head('softmax'), { loss: 'categoricalCrossentropy', metrics: chosen }).metrics).toEqual([
    { kind: 'meanSquaredError', name: 'mse' },
    { kind: 'meanAbsoluteError', name: 'mae' },
    { kind: 'topK', name: 'topK', k: 2 },
    { kind: 'topK', name: 'top1', k: 1 },
  ]);
});

test.each([
  ['accuracy of a regression', 'linear', 'mse', ['accuracy']],
  ['mse of class labels', 'softmax', 'sparseCategoricalCrossentropy', ['mse']],
  ['top 5 of 3', 'softmax', 'categoricalCrossentropy', ['topK']],
  ['topK of independent outputs', 'sigmoid', 'binaryCrossentropy', [metrics.topK(1)]],
] as const)('ERR_PLAN: %s', async (_name, output, loss, chosen) => {
  const error = await refused(head(output), { loss, metrics: chosen });
  expect(error.code).toBe('ERR_PLAN');
  expect(error.message).toContain('compile, metric "');
});

test('nothing to train', async () => {
  expect((await refused([flatten({ inputShape: [2] })], {})).code).toBe('ERR_PLAN');
});

test('a session outlives a change of seed unless something is dropped', () => {
  expect(planKey(plan(head('linear'), {}, 1))).toBe(planKey(plan(head('linear'), {}, 2)));
  const drops = [first, dropout(0.5), dense(1)];
  expect(planKey(plan(drops, {}, 1))).not.toBe(planKey(plan(drops, {}, 2)));
  expect(planKey(plan(drops, {}, 1))).toBe(planKey(plan(drops, {}, 1)));
});
