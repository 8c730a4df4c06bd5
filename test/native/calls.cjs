// Valid arguments for every function of the addon, and ways to spoil them.

const ROWS = 12;
const FEATURES = 4;
const CLASSES = 3;

const plan = (labels) => ({
  features: FEATURES,
  outputs: CLASSES,
  layers: [
    { kind: 'rescaling', name: 'r', width: FEATURES, scale: 1 / 255, offset: 0 },
    { kind: 'dense', name: 'a', inputs: FEATURES, outputs: 5, useBias: true, activation: 'relu' },
    {
      kind: 'batchNormalization',
      name: 'n',
      width: 5,
      channels: 5,
      momentum: 0.9,
      epsilon: 0.001,
      scale: true,
      center: true,
    },
    { kind: 'dropout', name: 'd', width: 5, rate: 0.25, stream: 1 },
    { kind: 'dense', name: 'b', inputs: 5, outputs: CLASSES, useBias: true, activation: 'linear' },
  ],
  output: 'softmax',
  targets: labels ? 'labels' : 'values',
  loss: { kind: labels ? 'sparseCategoricalCrossentropy' : 'categoricalCrossentropy' },
  optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  metrics: [
    { kind: 'categoricalAccuracy', name: 'accuracy' },
    { kind: 'topK', name: 'top', k: 2 },
  ],
  seed: 7,
});

const parameters = (value) =>
  [FEATURES * 5, 5, 5, 5, 5, 5, 5 * CLASSES, CLASSES].map((n) => new Float32Array(n).fill(value));
const state = () => ({ step: 0, weights: parameters(0.1), slots: [parameters(0), parameters(0)] });
const examples = (labels) => ({
  rows: ROWS,
  x: new Uint8Array(ROWS * FEATURES).map((_, i) => i * 5),
  y: labels
    ? new Int32Array(ROWS).map((_, i) => i % CLASSES)
    : new Float32Array(ROWS * CLASSES).fill(1 / CLASSES),
});
const span = (steps = 3) => ({
  order: new Uint32Array(4 * steps).map((_, i) => i % ROWS),
  batchSize: 4,
  firstStep: 0,
  learningRates: new Float32Array(steps).fill(0.001),
});

let token = 1e6;
/** The methods of a session with arguments that fit; data: the number of a data set. */
const METHODS = {
  start: () => [],
  describe: () => [],
  upload: (_, labels) => [examples(labels)],
  release: (data) => [data],
  run: (data) => [token++, data, span(), true],
  evaluate: (data) => [token++, data, 0, ROWS, 5],
  predict: () => [new Float32Array(FEATURES * 3)],
  readState: () => [],
  writeState: () => [state()],
  abort: () => [token - 1],
  dispose: () => [],
};

/** The same value with one place, anywhere in it, given to `change`; what is on the way there is copied. */
function spoil(value, { below }, change) {
  const isTree = typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
  const keys = isTree ? Object.keys(value) : [];
  if (keys.length === 0 || below(4) === 0) return change(value);
  const key = keys[below(keys.length)];
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const spoilt = spoil(value[key], { below }, change);
  // Now and then through a getter.
  if (below(4) === 0) Object.defineProperty(copy, key, { get: () => spoilt, enumerable: true });
  else copy[key] = spoilt;
  return copy;
}

module.exports = { METHODS, plan, state, examples, span, spoil };
