import { dropoutThreshold, Purpose, randomUint32 } from '../../random';
import type { Activation, LayerPlan } from '../contract';
import { type Moments, normalize, normalizeBackward } from './batch-normalization';
import type { Tensor, Tf } from './engine';

/*
 * All values are kept feature-major, [width, rows], and every product has a batch-sized operand on its right:
 * the wasm engine repacks the right operand of each product, which for a kernel costs more than the product.
 * Its transposing products are ten times slower than a transposition and a plain product.
 */

/** What dropout needs; null outside training, where it is the identity and batches are normalised by moving averages. */
export type Training = { seed: number; step: number } | null;

/**
 * A layer's values: z before its activation, y after it; for dropout, `mask` holds the factors, for batch normalisation
 * `moments` what it went by.
 */
export interface Pass {
  x: Tensor;
  z: Tensor;
  y: Tensor;
  mask?: Tensor;
  moments?: Moments;
}

/** x [inputs, rows] → y [outputs, rows]. `parameters`: in the contract's order, kernel [inputs, outputs], the others [n, 1]. */
export function forward(tf: Tf, layer: LayerPlan, parameters: Tensor[], x: Tensor, training: Training): Pass {
  switch (layer.kind) {
    case 'rescaling': {
      const y = tf.add(tf.mul(x, layer.scale), layer.offset);
      return { x, z: y, y };
    }
    case 'dense': {
      const product = tf.matMul(tf.transpose(parameters[0]), x);
      const z = layer.useBias ? tf.add(product, parameters[1]) : product;
      return { x, z, y: activate(tf, layer.activation, z) };
    }
    case 'activation':
      return { x, z: x, y: activate(tf, layer.activation, x, layer.negativeSlope) };
    case 'dropout': {
      if (!training) return { x, z: x, y: x };
      const mask = tf.tensor2d(dropoutFactors(layer, x.shape[1]!, training), [layer.width, x.shape[1]!]);
      return { x, z: x, y: tf.mul(x, mask), mask };
    }
    case 'batchNormalization': {
      const { y, moments } = normalize(tf, layer, parameters, x, training !== null);
      return { x, z: x, y, moments };
    }
  }
}

/** Gradients of the parameters, and of the input when `below` (some layer before has parameters). */
export function backward(
  tf: Tf,
  layer: LayerPlan,
  parameters: Tensor[],
  pass: Pass,
  dy: Tensor,
  below: boolean,
) {
  switch (layer.kind) {
    case 'rescaling':
      return { parameters: [], dx: tf.mul(dy, layer.scale) };
    case 'dense': {
      const dz = activationGradient(tf, layer.activation, pass, dy);
      const dx = below ? tf.matMul(parameters[0], dz) : dy;
      if (layer.trainable === false) return { parameters: parameters.map((w) => tf.zerosLike(w)), dx };
      const kernel = tf.matMul(pass.x, tf.transpose(dz));
      const bias = layer.useBias ? [tf.sum(dz, 1, true)] : [];
      return { parameters: [kernel, ...bias], dx };
    }
    case 'activation':
      return { parameters: [], dx: activationGradient(tf, layer.activation, pass, dy, layer.negativeSlope) };
    case 'dropout':
      return { parameters: [], dx: pass.mask ? tf.mul(dy, pass.mask) : dy };
    case 'batchNormalization':
      return normalizeBackward(tf, layer, parameters, pass.x, pass.moments!, dy);
  }
}

/** 0 or 1/(1−rate) for each element, [width, rows]; the contract numbers elements row by row. */
function dropoutFactors(
  layer: LayerPlan & { kind: 'dropout' },
  rows: number,
  at: { seed: number; step: number },
): Float32Array {
  const random = randomUint32(rows * layer.width, at.seed, Purpose.dropout, layer.stream, at.step);
  const threshold = dropoutThreshold(layer.rate);
  const kept = 1 / (1 - layer.rate);
  const factors = new Float32Array(random.length);
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < layer.width; i++)
      factors[i * rows + row] = random[row * layer.width + i] >= threshold ? kept : 0;
  return factors;
}

/** y = activation(z), [width, rows]. All of them pass NaN on, on every engine. */
export function activate(tf: Tf, activation: Activation, z: Tensor, negativeSlope = 0): Tensor {
  switch (activation) {
    case 'linear':
      return z;
    case 'relu':
      return relu(tf, z);
    case 'sigmoid':
      return tf.sigmoid(z);
    case 'tanh':
      return tf.tanh(z);
    case 'elu':
      return tf.elu(z);
    case 'gelu':
      return tf.mul(z, normalCdf(tf, z));
    case 'softmax':
      return tf.transpose(tf.softmax(tf.transpose(z)));
    case 'silu':
      return tf.mul(z, tf.sigmoid(z));
    case 'selu':
      return tf.selu(z);
    case 'softplus':
      // tf.softplus rounds 1 + e^x.
      return tf.add(relu(tf, z), tf.log1p(tf.exp(tf.neg(tf.abs(z)))));
    case 'leakyRelu':
      return tf.leakyRelu(z, negativeSlope);
  }
}

function relu(tf: Tf, z: Tensor): Tensor {
  // XNNPACK's relu takes integers' maximum with 0: a NaN whose sign is set, as x86 makes them, would become 0.
  return tf.getBackend() === 'wasm' ? tf.maximum(z, tf.zerosLike(z)) : tf.relu(z);
}

/** selu's scale and scale·alpha. */
const [SELU_SLOPE, SELU_LIMIT] = [1.0507009873554805, 1.7580993408473766];

/** dz from dy; z and y as {@link activate} saw and gave them. */
export function activationGradient(
  tf: Tf,
  activation: Activation,
  { z, y }: Pick<Pass, 'z' | 'y'>,
  dy: Tensor,
  negativeSlope = 0,
): Tensor {
  switch (activation) {
    case 'linear':
      return dy;
    case 'relu':
      return tf.mul(dy, tf.step(y));
    case 'sigmoid':
      return tf.mul(dy, tf.mul(y, tf.sub(1, y)));
    case 'tanh':
      return tf.mul(dy, tf.sub(1, tf.square(y)));
    case 'elu':
      // 1 + min(y, 0), in ops that every engine runs fast.
      return tf.mul(dy, tf.add(tf.sub(y, tf.relu(y)), 1));
    case 'gelu': {
      const density = tf.mul(tf.exp(tf.mul(tf.square(z), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return tf.mul(dy, tf.add(normalCdf(tf, z), tf.mul(z, density)));
    }
    case 'softmax':
      return tf.mul(y, tf.sub(dy, tf.sum(tf.mul(dy, y), 0, true)));
    case 'silu': {
      const s = tf.sigmoid(z);
      return tf.mul(dy, tf.mul(s, tf.add(tf.mul(z, tf.sub(1, s)), 1)));
    }
    case 'selu':
      return tf.where(tf.greater(z, 0), tf.mul(dy, SELU_SLOPE), tf.mul(dy, tf.add(y, SELU_LIMIT)));
    case 'softplus':
      return tf.mul(dy, tf.sigmoid(z));
    case 'leakyRelu':
      return tf.where(tf.greater(z, 0), dy, tf.mul(dy, negativeSlope));
  }
}

function normalCdf(tf: Tf, z: Tensor): Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1), 0.5);
}
