/**
 * The layers of a plan, forward and backward, in float64. Part of the reference session: written to be read
 * beside the contract, not to be fast.
 */
import type { Activation, BatchNormalizationPlan, LayerPlan } from '../../../src/backend/contract';
import { dropoutThreshold, Purpose, randomUint32 } from '../../../src/random';

/** Row-major [rows, width]. */
export interface Matrix {
  rows: number;
  width: number;
  data: Float64Array;
}

export function matrix(rows: number, width: number, value?: (e: number) => number): Matrix {
  const data = new Float64Array(rows * width);
  if (value) for (let e = 0; e < data.length; e++) data[e] = value(e);
  return { rows, width, data };
}

export type Numbers = Float32Array | Float64Array;

/** What a layer needs besides its input: null outside training, where dropout is the identity and averages are the moving ones. */
export type Training = { seed: number; step: number } | null;

/** A layer's values: `z` before its activation (what the gradient needs), `y` after it. */
export interface Pass {
  x: Matrix;
  z: Matrix;
  y: Matrix;
  /** Of a batch normalisation: by what it went. */
  moments?: Moments;
}

export interface Moments {
  mean: Float64Array;
  variance: Float64Array;
  /** Whether they are the batch's. */
  ofBatch: boolean;
}

export function forward(layer: LayerPlan, parameters: Numbers[], x: Matrix, training: Training): Pass {
  switch (layer.kind) {
    case 'rescaling': {
      const y = matrix(x.rows, x.width, (e) => x.data[e] * layer.scale + layer.offset);
      return { x, z: y, y };
    }
    case 'dense': {
      const z = multiply(x, parameters[0], layer.outputs, layer.useBias ? parameters[1] : null);
      return { x, z, y: activate(layer.activation, z) };
    }
    case 'activation':
      return { x, z: x, y: activate(layer.activation, x, layer.negativeSlope) };
    case 'dropout': {
      if (!training) return { x, z: x, y: x };
      const factors = dropoutFactors(layer, x.rows, training);
      const y = matrix(x.rows, x.width, (e) => (factors[e] === 0 ? 0 : x.data[e] * factors[e]));
      return { x, z: x, y };
    }
    case 'batchNormalization': {
      const moments = momentsOf(layer, parameters, x, training);
      const { gamma, beta } = affine(layer, parameters);
      const normal = normalized(layer, x, moments);
      const y = matrix(x.rows, x.width, (e) => {
        const c = e % layer.channels;
        return normal.data[e] * gamma(c) + beta(c);
      });
      return { x, z: x, y, moments };
    }
  }
}

/** The gradients of a layer's parameters and of its input, given the gradient `dy` of its output. */
export function backward(
  layer: LayerPlan,
  parameters: Numbers[],
  pass: Pass,
  dy: Matrix,
  training: Training,
) {
  switch (layer.kind) {
    case 'rescaling':
      return { parameters: [], dx: matrix(dy.rows, dy.width, (e) => dy.data[e] * layer.scale) };
    case 'dense': {
      const dz = activationGradient(layer.activation, pass, dy);
      const kernel = multiplyLeftTransposed(pass.x, dz);
      const bias = layer.useBias ? [columnSums(dz)] : [];
      return { parameters: [kernel, ...bias], dx: multiplyRightTransposed(dz, parameters[0], layer.inputs) };
    }
    case 'activation':
      return { parameters: [], dx: activationGradient(layer.activation, pass, dy, layer.negativeSlope) };
    case 'dropout': {
      if (!training) return { parameters: [], dx: dy };
      const factors = dropoutFactors(layer, dy.rows, training);
      return {
        parameters: [],
        dx: matrix(dy.rows, dy.width, (e) => (factors[e] === 0 ? 0 : dy.data[e] * factors[e])),
      };
    }
    case 'batchNormalization':
      return normalizationGradients(layer, parameters, pass, dy);
  }
}

// ── Batch normalisation ─────────────────────────────────────────────────────────────────────────────────────

function momentsOf(
  layer: BatchNormalizationPlan,
  parameters: Numbers[],
  x: Matrix,
  training: Training,
): Moments {
  const [movingMean, movingVariance] = parameters.slice(-2).map((values) => Float64Array.from(values));
  if (!training || layer.trainable === false)
    return { mean: movingMean, variance: movingVariance, ofBatch: false };
  const count = x.data.length / layer.channels;
  const mean = channelSums(layer, x.data).map((sum) => sum / count);
  const squares = x.data.map((value, e) => (value - mean[e % layer.channels]) ** 2);
  return { mean, variance: channelSums(layer, squares).map((sum) => sum / count), ofBatch: true };
}

function channelSums({ channels }: BatchNormalizationPlan, values: Float64Array): Float64Array {
  const sums = new Float64Array(channels);
  for (const [e, value] of values.entries()) sums[e % channels] += value;
  return sums;
}

function normalized(
  { channels, epsilon }: BatchNormalizationPlan,
  x: Matrix,
  { mean, variance }: Moments,
): Matrix {
  return matrix(x.rows, x.width, (e) => {
    const c = e % channels;
    return (x.data[e] - mean[c]) / Math.sqrt(variance[c] + epsilon);
  });
}

function affine({ scale, center }: BatchNormalizationPlan, parameters: Numbers[]) {
  const gamma = (c: number) => (scale ? parameters[0][c] : 1);
  const beta = (c: number) => (center ? parameters[scale ? 1 : 0][c] : 0);
  return { gamma, beta };
}

/** With x̂ = (x − mean)/√(variance + ε): dx = gamma/√(variance + ε)·(dy − mean(dy) − x̂·mean(dy·x̂)). */
function normalizationGradients(
  layer: BatchNormalizationPlan,
  parameters: Numbers[],
  { x, moments }: Pass,
  dy: Matrix,
) {
  const { channels, epsilon, scale, center } = layer;
  const { variance, ofBatch } = moments!;
  const normal = normalized(layer, x, moments!);
  const beta = channelSums(layer, dy.data);
  const gamma = channelSums(
    layer,
    dy.data.map((value, e) => value * normal.data[e]),
  );
  const count = x.data.length / channels;
  const dx = matrix(dy.rows, dy.width, (e) => {
    const c = e % channels;
    const through = ofBatch ? (beta[c] + normal.data[e] * gamma[c]) / count : 0;
    return (affine(layer, parameters).gamma(c) / Math.sqrt(variance[c] + epsilon)) * (dy.data[e] - through);
  });
  const none = new Float64Array(channels);
  return { parameters: [...(scale ? [gamma] : []), ...(center ? [beta] : []), none, none.slice()], dx };
}

/** One factor an element: 0, or 1/(1−rate) in float32. */
function dropoutFactors(
  layer: LayerPlan & { kind: 'dropout' },
  rows: number,
  at: { seed: number; step: number },
) {
  const random = randomUint32(rows * layer.width, at.seed, Purpose.dropout, layer.stream, at.step);
  const kept = Math.fround(1 / (1 - layer.rate));
  const threshold = dropoutThreshold(layer.rate);
  return Float64Array.from(random, (bits) => (bits >= threshold ? kept : 0));
}

// ── Activations ─────────────────────────────────────────────────────────────────────────────────────────────

export function activate(activation: Activation, z: Matrix, negativeSlope = 0): Matrix {
  if (activation === 'softmax') return softmax(z);
  return matrix(z.rows, z.width, (e) => FUNCTIONS[activation].value(z.data[e], negativeSlope));
}

/** dz from dy. */
export function activationGradient(
  activation: Activation,
  { z, y }: Pick<Pass, 'z' | 'y'>,
  dy: Matrix,
  negativeSlope = 0,
): Matrix {
  if (activation === 'softmax') return softmaxGradient(y, dy);
  const { gradient } = FUNCTIONS[activation];
  return matrix(z.rows, z.width, (e) => gradient(z.data[e], y.data[e], negativeSlope) * dy.data[e]);
}

/** Each with its derivative, from the value before (z) and after (y). All of them pass NaN on. */
const FUNCTIONS: Record<
  Exclude<Activation, 'softmax'>,
  {
    value(z: number, negativeSlope: number): number;
    gradient(z: number, y: number, negativeSlope: number): number;
  }
> = {
  linear: { value: (z) => z, gradient: () => 1 },
  relu: { value: (z) => Math.max(z, 0), gradient: (z) => (z <= 0 ? 0 : 1) },
  sigmoid: { value: sigmoid, gradient: (_, y) => y * (1 - y) },
  tanh: { value: Math.tanh, gradient: (_, y) => 1 - y * y },
  elu: { value: (z) => (z < 0 ? Math.expm1(z) : z), gradient: (z, y) => (z < 0 ? y + 1 : 1) },
  gelu: {
    value: (z) => z * normalCdf(z),
    gradient: (z) => normalCdf(z) + (z * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI),
  },
  silu: { value: (z) => z * sigmoid(z), gradient: (z) => sigmoid(z) * (1 + z * sigmoid(-z)) },
  selu: {
    value: (z) => SELU_SCALE * (z < 0 ? SELU_ALPHA * Math.expm1(z) : z),
    gradient: (z) => SELU_SCALE * (z < 0 ? SELU_ALPHA * Math.exp(z) : 1),
  },
  softplus: {
    value: (z) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))),
    gradient: (z) => sigmoid(z),
  },
  leakyRelu: {
    value: (z, slope) => (z < 0 ? slope * z : z),
    gradient: (z, _, slope) => (z <= 0 ? slope : 1),
  },
};

const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

export function sigmoid(z: number): number {
  return z < 0 ? Math.exp(z) / (1 + Math.exp(z)) : 1 / (1 + Math.exp(-z));
}

function normalCdf(z: number): number {
  return (1 + erf(z / Math.SQRT2)) / 2;
}

/** erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ·x^(2n+1)/(2n+1)!!: all terms have one sign, so nothing cancels. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function softmax(z: Matrix): Matrix {
  const y = matrix(z.rows, z.width);
  for (let row = 0; row < z.rows; row++) {
    const values = z.data.subarray(row * z.width, (row + 1) * z.width);
    const normaliser = logSumExp(values);
    y.data.set(
      values.map((value) => Math.exp(value - normaliser)),
      row * z.width,
    );
  }
  return y;
}

/** dz = y·(dy − Σ dy·y), row by row. */
function softmaxGradient(y: Matrix, dy: Matrix): Matrix {
  const dz = matrix(y.rows, y.width);
  for (let row = 0; row < y.rows; row++) {
    let dot = 0;
    for (let e = row * y.width; e < (row + 1) * y.width; e++) dot += dy.data[e] * y.data[e];
    for (let e = row * y.width; e < (row + 1) * y.width; e++) dz.data[e] = y.data[e] * (dy.data[e] - dot);
  }
  return dz;
}

export function logSumExp(values: Float64Array): number {
  const greatest = values.reduce((a, b) => Math.max(a, b));
  return greatest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - greatest), 0));
}

// ── Products ────────────────────────────────────────────────────────────────────────────────────────────────

/** x·kernel + bias. */
function multiply(x: Matrix, kernel: Numbers, outputs: number, bias: Numbers | null): Matrix {
  const z = matrix(x.rows, outputs, (e) => (bias ? bias[e % outputs] : 0));
  for (let row = 0; row < x.rows; row++)
    for (let i = 0; i < x.width; i++) {
      const factor = x.data[row * x.width + i];
      for (let o = 0; o < outputs; o++) z.data[row * outputs + o] += factor * kernel[i * outputs + o];
    }
  return z;
}

/** xᵀ·dz: [inputs, outputs]. */
function multiplyLeftTransposed(x: Matrix, dz: Matrix): Float64Array {
  const out = new Float64Array(x.width * dz.width);
  for (let row = 0; row < x.rows; row++)
    for (let i = 0; i < x.width; i++) {
      const factor = x.data[row * x.width + i];
      for (let o = 0; o < dz.width; o++) out[i * dz.width + o] += factor * dz.data[row * dz.width + o];
    }
  return out;
}

/** dz·kernelᵀ: [rows, inputs]. */
function multiplyRightTransposed(dz: Matrix, kernel: Numbers, inputs: number): Matrix {
  const dx = matrix(dz.rows, inputs);
  for (let row = 0; row < dz.rows; row++)
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let o = 0; o < dz.width; o++) sum += dz.data[row * dz.width + o] * kernel[i * dz.width + o];
      dx.data[row * inputs + i] = sum;
    }
  return dx;
}

function columnSums(dz: Matrix): Float64Array {
  const sums = new Float64Array(dz.width);
  for (let e = 0; e < dz.data.length; e++) sums[e % dz.width] += dz.data[e];
  return sums;
}
