/** Batch normalisation in tensor operations; values are [width, rows], as all of this folder's. */
import type { BatchNormalizationPlan } from '../contract';
import type { Tensor, Tf } from './engine';

/** What a batch was normalised by, each [1, channels, 1]. */
export interface Moments {
  mean: Tensor;
  /** 1/√(variance + epsilon). */
  inverse: Tensor;
  /** In training the moving mean and variance to come, [channels, 1]; null where they stay. */
  moving: [Tensor, Tensor] | null;
}

/** All axes but that of the channels, of [width / channels, channels, rows]. */
const OTHERS = [0, 2];

/** @param parameters as the contract orders them */
export function normalize(
  tf: Tf,
  layer: BatchNormalizationPlan,
  parameters: Tensor[],
  x: Tensor,
  training: boolean,
): { y: Tensor; moments: Moments } {
  const { momentum, epsilon, scale, center } = layer;
  const apart = byChannel(tf, layer, x);
  const [movingMean, movingVariance] = parameters.slice(-2);
  const moves = training && layer.trainable !== false;
  const mean = moves ? tf.mean(apart, OTHERS, true) : vector(tf, movingMean);
  const difference = tf.sub(apart, mean);
  const variance = moves ? tf.mean(tf.square(difference), OTHERS, true) : vector(tf, movingVariance);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  const next = (moving: Tensor, own: Tensor) =>
    tf.add(tf.mul(moving, momentum), tf.mul(tf.reshape(own, moving.shape), 1 - momentum));
  const factor = scale ? tf.mul(inverse, vector(tf, parameters[0])) : inverse;
  const scaled = tf.mul(difference, factor);
  const y = center ? tf.add(scaled, vector(tf, parameters[scale ? 1 : 0])) : scaled;
  return {
    y: tf.reshape(y, x.shape),
    moments: {
      mean,
      inverse,
      moving: moves ? [next(movingMean, mean), next(movingVariance, variance)] : null,
    },
  };
}

/** dx = gamma·inverse·(dy − mean(dy) − x̂·mean(dy·x̂)), x̂ the normalised x; without the means where they are not the batch's. */
export function normalizeBackward(
  tf: Tf,
  layer: BatchNormalizationPlan,
  parameters: Tensor[],
  x: Tensor,
  { mean, inverse, moving }: Moments,
  dy: Tensor,
): { parameters: Tensor[]; dx: Tensor } {
  const { scale, center } = layer;
  const apart = byChannel(tf, layer, dy);
  const factor = scale ? tf.mul(inverse, vector(tf, parameters[0])) : inverse;
  if (!moving) {
    const dx = tf.reshape(tf.mul(apart, factor), dy.shape);
    return { parameters: parameters.map((w) => tf.zerosLike(w)), dx };
  }
  const normal = tf.mul(tf.sub(byChannel(tf, layer, x), mean), inverse);
  const beta = tf.sum(apart, OTHERS, true);
  const gamma = tf.sum(tf.mul(apart, normal), OTHERS, true);
  const count = x.size / layer.channels;
  const back = tf.sub(tf.sub(apart, tf.div(beta, count)), tf.mul(normal, tf.div(gamma, count)));
  const column = (tensor: Tensor) => tf.reshape(tensor, [layer.channels, 1]);
  const zeros = parameters.slice(-2).map((w) => tf.zerosLike(w));
  return {
    parameters: [...(scale ? [column(gamma)] : []), ...(center ? [column(beta)] : []), ...zeros],
    dx: tf.reshape(tf.mul(back, factor), dy.shape),
  };
}

function byChannel(tf: Tf, { channels, width }: BatchNormalizationPlan, x: Tensor): Tensor {
  return tf.reshape(x, [width / channels, channels, x.size / width]);
}

function vector(tf: Tf, parameter: Tensor): Tensor {
  return tf.reshape(parameter, [1, parameter.size, 1]);
}
