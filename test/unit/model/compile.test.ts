import { compileConfig } from '../../../src/model/compile';
import { losses } from '../../../src/model/losses';
import { metrics } from '../../../src/model/metrics';
import { optimizers } from '../../../src/model/optimizers';
import { failure } from '../../support/models';

const SGD = { optimizer: 'sgd', loss: 'mse' } as const;

test.each([
  ['sgd', { kind: 'sgd', learningRate: 0.01, momentum: 0, nesterov: false }],
  ['adam', { kind: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }],
  [
    'adamw',
    { kind: 'adamw', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.004 },
  ],
  ['rmsprop', { kind: 'rmsprop', learningRate: 0.001, rho: 0.9, epsilon: 1e-7 }],
] as const)("%s has Keras' defaults, as a name, as a call and as data", (name, expected) => {
  expect(optimizers[name]()).toEqual(expected);
  for (const optimizer of [name, optimizers[name](), JSON.parse(JSON.stringify(expected))])
    expect(compileConfig({ ...SGD, optimizer }).training.optimizer).toEqual(expected);
});

test('the device is apart from what is trained', () => {
  const { training, where } = compileConfig({ ...SGD, seed: 3, device: 'cpu', threads: 2, quiet: true });
  expect(training).toEqual({
    optimizer: optimizers.sgd(),
    loss: { kind: 'meanSquaredError', fromLogits: false },
    metrics: [],
    seed: 3,
  });
  expect(where).toEqual({ device: 'cpu', threads: 2, quiet: true });
});

test.each([1e30, 0])('the learning rate %p is allowed', (learningRate) => {
  expect(optimizers.adam({ learningRate }).learningRate).toBe(learningRate);
});

const withMetrics = (...given: unknown[]) => compileConfig({ ...SGD, metrics: given });

test.each([
  ['a negative rate', () => optimizers.sgd({ learningRate: -1 })],
  ['rate NaN', () => optimizers.adam({ learningRate: Number.NaN })],
  ['an infinite rate', () => optimizers.rmsprop({ learningRate: Number.POSITIVE_INFINITY })],
  ['a rate beyond float32', () => optimizers.rmsprop({ learningRate: 1e39 })],
  ['a rate in text', () => optimizers.adam({ learningRate: '0.1' as never })],
  ['momentum 1', () => optimizers.sgd({ momentum: 1 })],
  ['a negative momentum', () => optimizers.sgd({ momentum: -0.1 })],
  ['nesterov 1', () => optimizers.sgd({ nesterov: 1 as never })],
  ['β₁ 1', () => optimizers.adam({ beta1: 1 })],
  ['β₂ 1', () => optimizers.adam({ beta2: 1 })],
  ['ε 0', () => optimizers.adam({ epsilon: 0 })],
  ['ρ 1', () => optimizers.rmsprop({ rho: 1 })],
  ['a negative decay', () => optimizers.adamw({ weightDecay: -1 })],
  ['a decay for adam', () => optimizers.adam({ weightDecay: 0.1 } as never)],
  ['logits for mse', () => compileConfig({ ...SGD, loss: { kind: 'meanSquaredError', fromLogits: true } })],
  ['an unknown optimiser', () => compileConfig({ ...SGD, optimizer: 'adamm' })],
  [
    'an unknown kind of optimiser',
    () => compileConfig({ ...SGD, optimizer: { kind: 'lamb', learningRate: 1 } }),
  ],
  ['no optimiser', () => compileConfig({ loss: 'mse' })],
  ['an unknown loss', () => compileConfig({ ...SGD, loss: 'hinge' })],
  ['no loss', () => compileConfig({ optimizer: 'adam' })],
  ['a metric that is no array', () => compileConfig({ ...SGD, metrics: 'accuracy' })],
  ['an unknown metric', () => compileConfig({ ...SGD, metrics: ['auc' as never] })],
  ['a metric twice', () => compileConfig({ ...SGD, metrics: ['mse', 'mse'] })],
  ['a metric whose validation is named as the loss is', () => withMetrics(metrics.topK(1, { name: 'Loss' }))],
  [
    'a metric whose validation is named as another',
    () => withMetrics('mse', metrics.topK(1, { name: 'Mse' })),
  ],
  ['top 0', () => metrics.topK(0)],
  ['a metric named loss', () => metrics.topK(1, { name: 'loss' })],
  ['a metric named as validation is', () => metrics.topK(1, { name: 'valTop' })],
  ['a seed that is no integer', () => compileConfig({ ...SGD, seed: 1.5 })],
  ['no options', () => compileConfig(undefined)],
  ['a huber loss of no delta', () => losses.huber({ delta: 0 })],
  ['a huber loss of an endless delta', () => losses.huber({ delta: Number.POSITIVE_INFINITY })],
  [
    'a delta of another loss',
    () => compileConfig({ ...SGD, loss: { ...losses.meanSquaredError(), delta: 1 } }),
  ],
  ['labels smoothed all over', () => losses.categoricalCrossentropy({ labelSmoothing: 1 })],
  ['class indices, smoothed', () => losses.sparseCategoricalCrossentropy({ labelSmoothing: 0.1 } as never)],
  [
    'values, smoothed',
    () => compileConfig({ ...SGD, loss: { ...losses.meanSquaredError(), labelSmoothing: 0.1 } }),
  ],
  ['fromLogits in text', () => losses.binaryCrossentropy({ fromLogits: 'yes' as never })],
])('compile refuses %s', async (_name, make) => {
  expect((await failure(make)).code).toBe('ERR_ARG');
});

test('near misses are suggested', async () => {
  const adam = await failure(() => optimizers.adam({ learningrate: 1 } as never));
  expect(adam.message).toContain('did you mean learningRate?');
  const loss = await failure(() => compileConfig({ ...SGD, loss: 'categorical_crossentropy' }));
  expect(loss.message).toContain('did you mean categoricalCrossentropy?');
  const option = await failure(() => compileConfig({ ...SGD, metric: [] }));
  expect(option.message).toContain('did you mean metrics?');
});
