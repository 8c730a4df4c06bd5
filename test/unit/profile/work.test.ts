/** What phases have to do, against counts made here by hand. */
import type { OptimizerPlan, TrainPlan } from '../../../src/backend/contract';
import { workOf } from '../../../src/bench/work';
import { type Counting, workOfOp } from '../../../src/profile/work';
import { batchNormalization, OPTIMIZERS } from '../../support/plans';

/** 784-128-10 as `fusor train` has it. */
const plan: TrainPlan = {
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
  optimizer: OPTIMIZERS.adam,
  metrics: [],
  seed: 7,
};
const rows = 32;
const counting = (more: Partial<Counting> = {}): Counting => ({
  plan,
  rows,
  inputBytes: 1,
  density: null,
  own: new Set(['dense', 'dense_1']),
  inPlace: false,
  together: false,
  keepsWeights: false,
  ...more,
});
const all = new Set(plan.layers.map(({ name }) => name));

test('MNIST on framework kernels', () => {
  const own = counting({ own: all });
  const count = (phase: 'forward' | 'backward', layer: string) => workOfOp(phase, layer, own)!;
  expect(workOfOp('gather', null, own)).toEqual({
    flops: 0,
    read: 32 * 784 + 32 * 10 * 4,
    written: 4 * 32 * 784 + 32 * 10 * 4,
  });
  expect(count('forward', 'rescaling').flops).toBe(2 * 32 * 784);
  expect(count('forward', 'dense')).toEqual({
    flops: 6_422_528,
    read: 4 * (25_088 + 100_352 + 128),
    written: 4 * 4096,
  });
  expect(count('forward', 'dense_1').flops).toBe(81_920);
  // Two products, and the sum for the bias; the first layer needs no gradient of its input.
  expect(count('backward', 'dense_1').flops).toBe(2 * 81_920 + 320);
  expect(count('backward', 'dense').flops).toBe(6_422_528 + 4096);
  expect(workOfOp('update', null, own)).toEqual({
    flops: 12 * 101_770,
    read: 4 * 4 * 101_770,
    written: 4 * 3 * 101_770,
    // What is written lies where it was read.
    footprint: 4 * 4 * 101_770,
  });
  expect(workOfOp('loss', null, own)).toEqual({ flops: 2240, read: 2560, written: 1280 });
});

test('the fused way back is the way back and the update, whose gradient is never in memory', () => {
  const fused = workOfOp('backward+update', 'dense', counting())!;
  expect(fused).toEqual(workOf('weight-update', { batch: rows, inputs: 784, units: 128 }, 1));
  const apart = counting({ own: all });
  const total = ['dense', 'dense_1'].map((layer) => workOfOp('backward', layer, apart)!.flops);
  const together = ['dense', 'dense_1'].map((layer) => workOfOp('backward+update', layer, counting())!.flops);
  const sum = (values: number[]) => values.reduce((a, b) => a + b);
  expect(sum(together)).toBe(sum(total) + workOfOp('update', null, apart)!.flops);
});

test('a layer that is not trained has no gradients of its own, and none are below the lowest that is', () => {
  const frozen = (names: string[]) => ({
    ...plan,
    layers: plan.layers.map((layer) =>
      layer.kind === 'dense' && names.includes(layer.name) ? { ...layer, trainable: false as const } : layer,
    ),
  });
  const base = { plan: frozen(['dense']) };
  expect(workOfOp('backward', 'dense_1', counting({ ...base, own: all }))!.flops).toBe(81_920 + 320);
  expect(workOfOp('backward+update', 'dense_1', counting(base))!.flops).toBe(81_920 + 320 + 12 * 1290);
  expect(workOfOp('update', null, counting({ ...base, own: all }))!.flops).toBe(12 * 1290);
  const head = { plan: frozen(['dense_1']) };
  expect(workOfOp('backward', 'dense_1', counting({ ...head, own: all }))!.flops).toBe(81_920);
  expect(workOfOp('backward+update', 'dense_1', counting(head))!).toMatchObject({
    flops: 81_920,
    written: 4 * 4096,
  });
  expect(workOfOp('backward', 'dense', counting({ ...head, own: all }))!.flops).toBe(6_422_528 + 4096);
});

test('where zeros are skipped, only what is not zero counts, and rows stay where they are', () => {
  const sparse = counting({ density: 0.25 });
  const shape = { batch: rows, inputs: 784, units: 128 };
  expect(workOfOp('forward', 'dense', sparse)).toEqual(workOf('sparse-forward', shape, 0.25));
  expect(workOfOp('forward', 'dense', sparse)!.flops).toBe(6_422_528 / 4);
  expect(workOfOp('backward+update', 'dense', sparse)).toEqual(workOf('sparse-update', shape, 0.25));
  expect(workOfOp('forward', 'dense_1', sparse)!.flops).toBe(81_920);
  expect(workOfOp('gather', null, sparse)!.read).toBe(32 * 10 * 4);
});

test('of a layer that leaves out products with zeros, those that it computes count; its bytes stay', () => {
  const all = (phase: 'forward' | 'backward+update') => workOfOp(phase, 'dense_1', counting())!;
  const some = (phase: 'forward' | 'backward+update') => workOfOp(phase, 'dense_1', counting(), 0.25)!;
  expect(some('forward')).toEqual({ ...all('forward'), flops: 81_920 / 4 });
  // Both products of the way back; not the bias, nor the optimiser.
  expect(all('backward+update').flops - some('backward+update').flops).toBe(0.75 * 2 * 81_920);
  expect(some('backward+update').read).toBe(all('backward+update').read);
});

test('on a GPU the same work in other pieces: all weights at once, the head with its layer, bytes where they lie', () => {
  const pieces = counting({ inPlace: true, together: true });
  const forward = workOfOp('forward', 'dense', pieces)!;
  expect(forward).toEqual({ flops: 6_422_528, read: 25_088 + 4 * (100_352 + 128), written: 4 * 4096 });
  const head = workOfOp('loss', 'dense_1', pieces)!;
  // Forward, the loss, the gradient of the layer's input.
  expect(head.flops).toBe(81_920 + 2240 + 81_920);
  const weights = workOfOp('backward+update', null, pieces)!;
  expect(weights.flops).toBe(6_422_528 + 4096 + 81_920 + 320 + 12 * 101_770);
  expect(weights.written).toBe(4 * 3 * 101_770);
  const apart = ['dense', 'dense_1'].flatMap((layer) => [
    workOfOp('forward', layer, counting())!.flops,
    workOfOp('backward+update', layer, counting())!.flops,
  ]);
  const sum = (values: number[]) => values.reduce((a, b) => a + b);
  expect(forward.flops + head.flops + weights.flops).toBe(
    sum(apart) + workOfOp('loss', null, counting())!.flops,
  );
});

test('weights that stay in registers pass through no memory', () => {
  const kept = counting({ inPlace: true, keepsWeights: true });
  expect(workOfOp('forward', 'dense', kept)).toEqual({ flops: 6_422_528, read: 25_088, written: 4 * 4096 });
  expect(workOfOp('backward+update', 'dense', kept)).toEqual({
    flops: 6_422_528 + 4096 + 12 * (100_352 + 128),
    read: 25_088 + 4 * 4096,
    written: 0,
  });
  expect(workOfOp('gather', null, kept)!.written).toBe(25_088 + 4 * 320);
});

test('layers without an op of their own go with the gathering and with their Dense', () => {
  expect(workOfOp('gather', null, counting())!.flops).toBe(2 * 32 * 784);
  const layers = [...plan.layers];
  layers.splice(2, 0, { kind: 'dropout', name: 'dropout', width: 128, rate: 0.5, stream: 0 });
  const grouped = counting({ plan: { ...plan, layers } });
  expect(workOfOp('forward', 'dense', grouped)!.flops).toBe(6_422_528 + 32 * 128);
});

test('batch normalisation: passes for both moments and the way back, gamma and beta beside the weights', () => {
  const layers = [...plan.layers];
  layers.splice(2, 0, batchNormalization(128));
  const apart = { plan: { ...plan, layers }, own: new Set(['dense', 'batch_normalization_128', 'dense_1']) };
  const values = 32 * 128;
  expect(workOfOp('forward', 'batch_normalization_128', counting(apart))).toEqual({
    flops: 6 * values,
    read: 4 * values,
    written: 4 * values,
  });
  expect(workOfOp('backward', 'batch_normalization_128', counting(apart))).toEqual({
    flops: 9 * values,
    read: 8 * values,
    written: 4 * values,
  });
  expect(workOfOp('update', null, counting(apart))!.flops).toBe(12 * (101_770 + 2 * 128));
  const grouped = counting({ plan: apart.plan });
  expect(workOfOp('forward', 'dense', grouped)!.flops).toBe(6_422_528 + 6 * values);
  expect(workOfOp('backward+update', 'dense', grouped)!.flops).toBe(
    workOfOp('backward+update', 'dense', counting())!.flops + 9 * values + 12 * 256,
  );
});

test.each<[OptimizerPlan, number, number]>([
  [{ kind: 'sgd', momentum: 0, nesterov: false }, 2, 1],
  [{ kind: 'sgd', momentum: 0.9, nesterov: false }, 4, 2],
  [{ kind: 'sgd', momentum: 0.9, nesterov: true }, 6, 2],
  [{ kind: 'rmsprop', rho: 0.9, epsilon: 1e-7 }, 9, 2],
  [{ ...OPTIMIZERS.adam, kind: 'adamw', weightDecay: 0.01 }, 14, 3],
])('%j', (optimizer, flops, arrays) => {
  const work = workOfOp('update', null, counting({ plan: { ...plan, optimizer } }))!;
  expect(work.flops / 101_770).toBe(flops);
  expect(work.written / 101_770 / 4).toBe(arrays);
});

test('gradients that accumulate: an update is a share of each step, in place', () => {
  const parameters = 101_770;
  const optimizer = { ...OPTIMIZERS.adam, gradientAccumulationSteps: 64 };
  const work = workOfOp('update', null, counting({ plan: { ...plan, optimizer } }))!;
  // A sum each step; of 64 steps one has the mean and Adam's.
  expect(work.flops).toBeCloseTo(parameters * (1 + 13 / 64), 6);
  expect(work.read).toBeCloseTo(4 * parameters * (2 + 3 / 64), 6);
  expect(work.written).toBeCloseTo(4 * parameters * (1 + 3 / 64), 6);
  expect(work.footprint).toBe(work.read);
});

test('clipping, penalties and limits are counted', () => {
  const layers = plan.layers.map((layer) =>
    layer.kind === 'dense' && layer.name === 'dense'
      ? { ...layer, kernelRegularizer: { l1: 0, l2: 1e-4 }, kernelConstraint: { maxNorm: 3 } }
      : layer,
  );
  const held = 784 * 128;
  const optimizer = { ...OPTIMIZERS.adam, clipNorm: 1 };
  const work = workOfOp('update', null, counting({ plan: { ...plan, layers, optimizer } }))!;
  expect(work.flops).toBe(15 * 101_770 + 7 * held);
  expect([work.read, work.written]).toEqual([4 * 4 * 101_770, 4 * 3 * 101_770]);
  const rarely = { ...optimizer, gradientAccumulationSteps: 2 };
  const of = workOfOp('update', null, counting({ plan: { ...plan, layers, optimizer: rarely } }))!;
  expect(of.flops).toBe(101_770 * (1 + 16 / 2) + 7 * held);
  // In the steps between, the kernel is read for its penalty, and held to its limit.
  expect(of.read).toBe(4 * (101_770 * (3 / 2 + 2) + held / 2));
  expect(of.written).toBe(4 * (101_770 * (3 / 2 + 1) + held / 2));
});

test.each(['wait', 'record', 'launch', 'gap', 'javascript', 'copy'] as const)('%s has no work', (phase) => {
  expect(workOfOp(phase, null, counting())).toBeNull();
});
