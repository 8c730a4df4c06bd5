/**
 * The optimisers of the reference session. Float64 arithmetic on float32 state: each new value is rounded once,
 * when it is stored.
 */
import type { ConstraintPlan, OptimizerPlan } from '../../../src/backend/contract';

/**
 * The gradients that this step updates with, and the number t of the update; null where it only accumulates.
 * `accumulators` is the optimiser's last slot, `step` counts from 0.
 */
export function accumulated(
  { gradientAccumulationSteps: every }: OptimizerPlan,
  step: number,
  gradients: Float64Array[],
  accumulators: Float32Array[] | undefined,
): { gradients: Float64Array[]; t: number } | null {
  if (every === undefined || !accumulators) return { gradients, t: step + 1 };
  const sums = gradients.map((g, p) => g.map((value, i) => value + accumulators[p][i]));
  const updates = (step + 1) % every === 0;
  accumulators.forEach((a, p) => {
    if (updates) a.fill(0);
    else a.set(sums[p]);
  });
  return updates
    ? { gradients: sums.map((sum) => sum.map((value) => value / every)), t: Math.floor(step / every) + 1 }
    : null;
}

/** Shortens all gradients together to the L2 norm clipNorm, where there is one and they are longer. */
export function clip({ clipNorm }: OptimizerPlan, gradients: Float64Array[]): void {
  if (clipNorm === undefined) return;
  const norm = Math.sqrt(gradients.reduce((sum, g) => g.reduce((s, v) => s + v * v, sum), 0));
  const factor = Math.fround(clipNorm / norm);
  if (!(norm <= clipNorm)) for (const g of gradients) for (let i = 0; i < g.length; i++) g[i] *= factor;
}

/**
 * One update of one parameter in place. `slots` are in the order of slotsOf; `t` counts steps from 1;
 * `rate` is the learning rate α.
 */
export function update(
  optimizer: OptimizerPlan,
  rate: number,
  t: number,
  w: Float32Array,
  g: Float64Array,
  slots: Float32Array[],
): void {
  switch (optimizer.kind) {
    case 'sgd': {
      const { momentum, nesterov } = optimizer;
      const velocity = momentum > 0 ? slots[0] : null;
      for (let i = 0; i < w.length; i++) {
        const next = momentum * (velocity ? velocity[i] : 0) - rate * g[i];
        if (velocity) velocity[i] = next;
        w[i] += nesterov ? momentum * next - rate * g[i] : next;
      }
      return;
    }
    case 'adam':
    case 'adamw': {
      const { beta1, beta2, epsilon } = optimizer;
      const decay = optimizer.kind === 'adamw' ? optimizer.weightDecay : 0;
      const [m, v] = slots;
      const corrected = (rate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);
      for (let i = 0; i < w.length; i++) {
        m[i] += (g[i] - m[i]) * (1 - beta1);
        v[i] += (g[i] * g[i] - v[i]) * (1 - beta2);
        w[i] = w[i] - rate * decay * w[i] - (corrected * m[i]) / (Math.sqrt(v[i]) + epsilon);
      }
      return;
    }
    case 'rmsprop': {
      const { rho, epsilon } = optimizer;
      const [v] = slots;
      for (let i = 0; i < w.length; i++) {
        v[i] = rho * v[i] + (1 - rho) * g[i] * g[i];
        w[i] -= (rate * g[i]) / Math.sqrt(v[i] + epsilon);
      }
    }
  }
}

/** Shortens the columns of a parameter [inputs, outputs], or a whole bias [outputs], in place. */
export function constrain(constraint: ConstraintPlan | undefined, w: Float32Array, shape: number[]): void {
  if (!constraint) return;
  const columns = shape.length === 2 ? shape[1] : 1;
  for (let column = 0; column < columns; column++) {
    let squares = 0;
    for (let i = column; i < w.length; i += columns) squares += w[i] * w[i];
    const norm = Math.sqrt(squares);
    const factor = Math.min(norm, constraint.maxNorm) / (norm + 1e-7);
    for (let i = column; i < w.length; i += columns) w[i] *= factor;
  }
}
