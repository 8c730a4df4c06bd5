import type { OptimizerPlan } from '../contract';
import type { Tensor, Tf } from './engine';

/** One update of one parameter: the new weights, then the new slots in the order of slotsOf. */
export type Update = (w: Tensor, g: Tensor, slots: Tensor[]) => Tensor[];

/**
 * The update of step t (counted from 1) at the learning rate `rate`. Coefficients become tensors once a step, not
 * once an operation; 1 − β is taken in float64 (in float32 it would be wrong by 5e-5).
 */
export function updateOf(tf: Tf, optimizer: OptimizerPlan, rate: number, t: number): Update {
  switch (optimizer.kind) {
    case 'sgd': {
      const alpha = tf.scalar(rate);
      const mu = tf.scalar(optimizer.momentum);
      if (optimizer.momentum === 0) return (w, g) => [tf.sub(w, tf.mul(g, alpha))];
      return (w, g, [velocity]) => {
        const descent = tf.mul(g, alpha);
        const next = tf.sub(tf.mul(velocity, mu), descent);
        return [tf.add(w, optimizer.nesterov ? tf.sub(tf.mul(next, mu), descent) : next), next];
      };
    }
    case 'adam':
    case 'adamw': {
      const { beta1, beta2 } = optimizer;
      const rest1 = tf.scalar(1 - beta1);
      const rest2 = tf.scalar(1 - beta2);
      const corrected = tf.scalar((rate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t));
      const epsilon = tf.scalar(optimizer.epsilon);
      const decay = optimizer.kind === 'adamw' ? tf.scalar(rate * optimizer.weightDecay) : null;
      return (w, g, [m, v]) => {
        const nextM = tf.add(m, tf.mul(tf.sub(g, m), rest1));
        const nextV = tf.add(v, tf.mul(tf.sub(tf.square(g), v), rest2));
        const decayed = decay ? tf.sub(w, tf.mul(w, decay)) : w;
        const descent = tf.div(tf.mul(nextM, corrected), tf.add(tf.sqrt(nextV), epsilon));
        return [tf.sub(decayed, descent), nextM, nextV];
      };
    }
    case 'rmsprop': {
      const alpha = tf.scalar(rate);
      const rho = tf.scalar(optimizer.rho);
      const rest = tf.scalar(1 - optimizer.rho);
      const epsilon = tf.scalar(optimizer.epsilon);
      return (w, g, [v]) => {
        const next = tf.add(tf.mul(v, rho), tf.mul(tf.square(g), rest));
        return [tf.sub(w, tf.div(tf.mul(g, alpha), tf.sqrt(tf.add(next, epsilon)))), next];
      };
    }
  }
}

/** The gradients, together no longer than the optimiser's clipNorm. The norm is summed on the host, in float64. */
export function clipped(tf: Tf, { clipNorm }: OptimizerPlan, gradients: Tensor[]): Tensor[] {
  if (clipNorm === undefined) return gradients;
  let squares = 0;
  for (const g of gradients) for (const value of g.dataSync<'float32'>()) squares += value * value;
  const norm = Math.sqrt(squares);
  // Written so that NaN is not taken for short.
  if (norm <= clipNorm) return gradients;
  const factor = tf.scalar(clipNorm / norm);
  return gradients.map((g) => tf.mul(g, factor));
}
