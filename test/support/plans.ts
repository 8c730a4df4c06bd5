/** Short ways to write plans, data and states for tests. All drawn from the house's own generator. */
import {
  type Activation,
  type BatchNormalizationPlan,
  type DenseActivation,
  type Examples,
  type LayerPlan,
  type LossPlan,
  type OptimizerPlan,
  type OutputActivation,
  parametersOf,
  type SessionState,
  slotsOf,
  type TrainPlan,
} from '../../src/backend/contract';
import { randomUint32, uniform } from '../../src/random';
import { elements } from '../../src/shape';

export const OPTIMIZERS = {
  sgd: { kind: 'sgd', momentum: 0, nesterov: false },
  momentum: { kind: 'sgd', momentum: 0.9, nesterov: false },
  nesterov: { kind: 'sgd', momentum: 0.9, nesterov: true },
  adam: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  adamw: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.004 },
  rmsprop: { kind: 'rmsprop', rho: 0.9, epsilon: 1e-7 },
} as const satisfies Record<string, OptimizerPlan>;

export const ACTIVATIONS: DenseActivation[] = ['linear', 'relu', 'sigmoid', 'tanh', 'elu', 'gelu'];

export const isOfDense = (kind: Activation): kind is DenseActivation =>
  ACTIVATIONS.includes(kind as DenseActivation);

/** Those that are always layers of their own. */
export const APART: Activation[] = ['silu', 'selu', 'softplus', 'leakyRelu'];

export function activation(width: number, kind: Activation): LayerPlan {
  const own = kind === 'leakyRelu' ? { negativeSlope: 0.3 } : {};
  return { kind: 'activation', name: `${kind}_${width}`, width, activation: kind, ...own };
}

/** Each loss with the output activation that it is mostly used with, and its accuracy. */
export const LOSSES = {
  categoricalCrossentropy: { output: 'softmax', targets: 'values', accuracy: 'categoricalAccuracy' },
  sparseCategoricalCrossentropy: { output: 'softmax', targets: 'labels', accuracy: 'categoricalAccuracy' },
  binaryCrossentropy: { output: 'sigmoid', targets: 'values', accuracy: 'binaryAccuracy' },
  meanSquaredError: { output: 'linear', targets: 'values', accuracy: null },
  meanAbsoluteError: { output: 'linear', targets: 'values', accuracy: null },
  huber: { output: 'linear', targets: 'values', accuracy: null },
} as const;

export function dense(
  inputs: number,
  outputs: number,
  activation: DenseActivation = 'linear',
  useBias = true,
): LayerPlan {
  return { kind: 'dense', name: `dense_${inputs}_${outputs}`, inputs, outputs, useBias, activation };
}

/** A plan with the metrics that fit its loss; widths are taken from the layers. */
export function planOf(
  layers: LayerPlan[],
  loss: LossPlan['kind'],
  optimizer: OptimizerPlan = OPTIMIZERS.adam,
  changes: Partial<TrainPlan> = {},
): TrainPlan {
  const { output, targets, accuracy } = LOSSES[loss];
  const first = layers[0];
  const last = layers[layers.length - 1];
  return {
    features: first.kind === 'dense' ? first.inputs : first.width,
    outputs: last.kind === 'dense' ? last.outputs : last.width,
    layers,
    output: output as OutputActivation,
    targets,
    loss: { kind: loss, ...(loss === 'huber' && { delta: 0.4 }) },
    optimizer,
    metrics: [
      ...(accuracy === 'categoricalAccuracy' ? [{ kind: accuracy, name: 'accuracy' } as const] : []),
      ...(accuracy === 'binaryAccuracy'
        ? [{ kind: accuracy, name: 'accuracy', threshold: 0.5 } as const]
        : []),
      ...(targets === 'values' ? [{ kind: 'meanSquaredError', name: 'mse' } as const] : []),
    ],
    seed: 11,
    ...changes,
  };
}

export function batchNormalization(
  width: number,
  changes: Partial<BatchNormalizationPlan> = {},
): BatchNormalizationPlan {
  const own = { channels: width, momentum: 0.9, epsilon: 0.001, scale: true, center: true, ...changes };
  return { kind: 'batchNormalization', name: `batch_normalization_${width}`, width, ...own };
}

/**
 * Kernels as glorot-uniform draws them; biases not zero, so that an error relative to them means something; what multiplies or is a
 * variance about 1.
 */
export function randomState(plan: TrainPlan, seed = 3): SessionState {
  const weights = parametersOf(plan).map(({ kind, shape }, p) => {
    const limit = kind === 'kernel' ? Math.sqrt(6 / (shape[0] + shape[1])) : 0.5;
    const values = uniform(elements(shape), limit, seed, p);
    return kind === 'gamma' || kind === 'movingVariance' ? values.map((value) => 1 + value) : values;
  });
  const slots = slotsOf(plan.optimizer).map(() => weights.map((w) => new Float32Array(w.length)));
  return { step: 0, weights, slots };
}

/** Rows that fit a plan; `dtype` uint8 draws 0 … 255 with many zeros, as images have. */
export function randomExamples(
  plan: TrainPlan,
  rows: number,
  dtype: 'float32' | 'uint8' = 'float32',
  seed = 5,
): Examples {
  const bits = randomUint32(rows * plan.features, seed, 9, 0, 0);
  const x =
    dtype === 'uint8'
      ? Uint8Array.from(bits, (value) => ((value >>> 8) % 3 === 0 ? value & 255 : 0))
      : uniform(rows * plan.features, 1, seed, 1);
  return { rows, x, y: randomTargets(plan, rows, seed) };
}

function randomTargets(plan: TrainPlan, rows: number, seed: number): Int32Array | Float32Array {
  const labels = Int32Array.from(randomUint32(rows, seed, 9, 1, 0), (value) => value % plan.outputs);
  if (plan.targets === 'labels') return labels;
  if (plan.loss.kind === 'categoricalCrossentropy') {
    return Float32Array.from({ length: rows * plan.outputs }, (_, e) =>
      labels[Math.floor(e / plan.outputs)] === e % plan.outputs ? 1 : 0,
    );
  }
  const values = uniform(rows * plan.outputs, 1, seed, 2);
  return plan.loss.kind === 'binaryCrossentropy' ? values.map((value) => (value > 0 ? 1 : 0)) : values;
}
