/** The whole network of a plan: predictions, loss, gradients. Part of the reference session. */
import {
  type Examples,
  type Metrics,
  parametersOf,
  parametersOfLayer,
  type TrainPlan,
} from '../../../src/backend/contract';
import {
  activate,
  backward,
  forward,
  type Matrix,
  matrix,
  type Numbers,
  type Pass,
  type Training,
} from './layers';
import { logitGradient, rowLosses, rowMetrics, targetMatrix } from './loss';

/** Some rows with their targets, ready for arithmetic. */
export interface Batch {
  x: Matrix;
  y: Matrix;
  /** One factor a row. */
  weights: Float64Array;
}

export function batchOf(plan: TrainPlan, examples: Examples, rows: ArrayLike<number>): Batch {
  const { features } = plan;
  const x = matrix(
    rows.length,
    features,
    (e) => examples.x[rows[Math.floor(e / features)] * features + (e % features)],
  );
  const weights = Float64Array.from(rows, (row) => examples.weights?.[row] ?? 1);
  return { x, y: targetMatrix(plan, examples.y, rows), weights };
}

/** All layers in turn: each layer's values, the logits and the predictions. */
export function forwardAll(plan: TrainPlan, parameters: Numbers[], x: Matrix, training: Training) {
  const perLayer = parametersByLayer(plan, parameters);
  let value = x;
  const passes = plan.layers.map((layer, i) => {
    const pass = forward(layer, perLayer[i], value, training);
    value = pass.y;
    return pass;
  });
  return { passes, logits: value, predictions: activate(plan.output, value) };
}

/** What the regularisers add to the loss. */
export function penalty(plan: TrainPlan, parameters: Numbers[]): number {
  return parametersOf(plan).reduce((sum, { regularizer }, p) => {
    if (!regularizer) return sum;
    const { l1, l2 } = regularizer;
    return (parameters[p] as Float32Array).reduce((s, w) => s + l1 * Math.abs(w) + l2 * w * w, sum);
  }, 0);
}

/**
 * Σ wᵢ·lossᵢ / rows of a batch with the penalty, its gradient with respect to every parameter, what moving averages become (by
 * the parameter's place), and the metrics' means.
 */
export function lossAndGradients(plan: TrainPlan, parameters: Numbers[], batch: Batch, training: Training) {
  const { passes, logits, predictions } = forwardAll(plan, parameters, batch.x, training);
  const perLayer = parametersByLayer(plan, parameters);
  let gradient = logitGradient(plan, logits, predictions, batch.y, batch.weights);
  const gradients: Float64Array[] = [];
  for (let i = plan.layers.length - 1; i >= 0; i--) {
    const result = backward(plan.layers[i], perLayer[i], passes[i], gradient, training);
    gradients.unshift(...result.parameters);
    gradient = result.dx;
  }
  for (const [p, { trainable, regularizer }] of parametersOf(plan).entries()) {
    if (!trainable) gradients[p].fill(0);
    if (!regularizer) continue;
    const { l1, l2 } = regularizer;
    gradients[p] = gradients[p].map(
      (g, i) => g + l1 * Math.sign(parameters[p][i]) + 2 * l2 * parameters[p][i],
    );
  }
  const means = batchMeans(plan, logits, predictions, batch);
  const moving = movingAverages(plan, parameters, passes);
  return { ...means, loss: means.loss + penalty(plan, parameters), gradients, moving };
}

export function batchMeans(plan: TrainPlan, logits: Matrix, predictions: Matrix, batch: Batch): Metrics {
  const losses = rowLosses(plan.loss, logits, predictions, batch.y).map(
    (loss, row) => loss * batch.weights[row],
  );
  const mean = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    loss: mean(losses),
    metrics: plan.metrics.map((metric) => mean(rowMetrics(metric, predictions, batch.y))),
  };
}

/** moving·momentum + batch's·(1 − momentum), for every mean and variance of a batch. */
function movingAverages(
  { layers }: TrainPlan,
  parameters: Numbers[],
  passes: readonly Pass[],
): Map<number, Float64Array> {
  const moving = new Map<number, Float64Array>();
  let end = 0;
  for (const [i, layer] of layers.entries()) {
    end += parametersOfLayer(layer).length;
    const { moments } = passes[i];
    if (layer.kind !== 'batchNormalization' || !moments?.ofBatch) continue;
    const { momentum } = layer;
    const next = (p: number, own: Float64Array) =>
      moving.set(
        p,
        own.map((value, c) => parameters[p][c] * momentum + value * (1 - momentum)),
      );
    next(end - 2, moments.mean);
    next(end - 1, moments.variance);
  }
  return moving;
}

/** The parameters of each layer; empty for the layers without. */
function parametersByLayer(plan: TrainPlan, parameters: Numbers[]): Numbers[][] {
  let next = 0;
  return plan.layers.map((layer) => {
    const begin = next;
    next += parametersOfLayer(layer).length;
    return parameters.slice(begin, next);
  });
}
