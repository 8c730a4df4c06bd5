/** Regularisers and constraints in tensor operations. */
import type { Parameter } from '../contract';
import type { Tensor, Tf } from './engine';

/** What the regularisers add to the loss of a batch; summed on the host, in float64. */
export function penaltyOf(parameters: readonly Parameter[], weights: readonly Tensor[]): number {
  let penalty = 0;
  for (const [p, { regularizer }] of parameters.entries()) {
    if (!regularizer) continue;
    const { l1, l2 } = regularizer;
    for (const w of weights[p].dataSync<'float32'>()) penalty += l1 * Math.abs(w) + l2 * w * w;
  }
  return penalty;
}

/** The gradients with those of the penalty. */
export function regularized(
  tf: Tf,
  parameters: readonly Parameter[],
  weights: readonly Tensor[],
  gradients: readonly Tensor[],
): Tensor[] {
  return gradients.map((g, p) => {
    const { l1 = 0, l2 = 0 } = parameters[p].regularizer ?? {};
    const own = l1 > 0 ? tf.add(g, tf.mul(tf.sign(weights[p]), l1)) : g;
    return l2 > 0 ? tf.add(own, tf.mul(weights[p], 2 * l2)) : own;
  });
}

/** A parameter after its step. A bias is [outputs, 1]: its only column is all of it. */
export function constrained(tf: Tf, { constraint }: Parameter, w: Tensor): Tensor {
  if (!constraint) return w;
  const norm = tf.sqrt(tf.sum(tf.square(w), 0, true));
  return tf.mul(w, tf.div(tf.minimum(norm, constraint.maxNorm), tf.add(norm, 1e-7)));
}
