/** Losses and metrics of the reference session: one value a row, from the logits, predictions and targets. */
import type { LossPlan, MetricPlan, TrainPlan } from '../../../src/backend/contract';
import { activationGradient, logSumExp, type Matrix, matrix, sigmoid } from './layers';

/** The targets of a batch as [rows, outputs]: a class index stands for its one-hot row. */
export function targetMatrix(plan: TrainPlan, y: Int32Array | Float32Array, rows: ArrayLike<number>): Matrix {
  const width = plan.outputs;
  return matrix(rows.length, width, (e) => {
    const row = rows[Math.floor(e / width)];
    if (plan.targets === 'labels') return y[row] === e % width ? 1 : 0;
    return y[row * width + (e % width)];
  });
}

/** The loss of every row, before its weight. */
export function rowLosses({ kind, delta = 0 }: LossPlan, z: Matrix, p: Matrix, y: Matrix): Float64Array {
  return perRow(z, (begin, end) => {
    switch (kind) {
      case 'categoricalCrossentropy':
      case 'sparseCategoricalCrossentropy': {
        const normaliser = logSumExp(z.data.subarray(begin, end));
        return sum(begin, end, (e) => (y.data[e] === 0 ? 0 : y.data[e] * (normaliser - z.data[e])));
      }
      case 'binaryCrossentropy':
        return mean(
          begin,
          end,
          (e) => Math.max(z.data[e], 0) - z.data[e] * y.data[e] + Math.log1p(Math.exp(-Math.abs(z.data[e]))),
        );
      case 'meanSquaredError':
        return mean(begin, end, (e) => (p.data[e] - y.data[e]) ** 2);
      case 'meanAbsoluteError':
        return mean(begin, end, (e) => Math.abs(p.data[e] - y.data[e]));
      case 'huber':
        return mean(begin, end, (e) => {
          const far = Math.abs(p.data[e] - y.data[e]);
          return far <= delta ? far ** 2 / 2 : delta * (far - delta / 2);
        });
    }
  });
}

/** Gradient of Σ wᵢ·lossᵢ / rows with respect to the logits. (p − y: the targets of a row add up to 1.) */
export function logitGradient(
  plan: TrainPlan,
  z: Matrix,
  p: Matrix,
  y: Matrix,
  weights: Float64Array,
): Matrix {
  const factor = (e: number) => weights[Math.floor(e / z.width)] / z.rows;
  switch (plan.loss.kind) {
    case 'categoricalCrossentropy':
    case 'sparseCategoricalCrossentropy': {
      const softmax = perRow(z, (begin, end) => logSumExp(z.data.subarray(begin, end)));
      const probability = (e: number) => Math.exp(z.data[e] - softmax[Math.floor(e / z.width)]);
      return matrix(z.rows, z.width, (e) => (probability(e) - y.data[e]) * factor(e));
    }
    case 'binaryCrossentropy':
      return matrix(z.rows, z.width, (e) => ((sigmoid(z.data[e]) - y.data[e]) * factor(e)) / z.width);
    case 'meanSquaredError': {
      const dp = matrix(z.rows, z.width, (e) => (2 * (p.data[e] - y.data[e]) * factor(e)) / z.width);
      return activationGradient(plan.output, { z, y: p }, dp);
    }
    case 'meanAbsoluteError': {
      const dp = matrix(z.rows, z.width, (e) => (Math.sign(p.data[e] - y.data[e]) * factor(e)) / z.width);
      return activationGradient(plan.output, { z, y: p }, dp);
    }
    case 'huber': {
      const { delta = 0 } = plan.loss;
      const slope = (difference: number) => Math.max(-delta, Math.min(delta, difference));
      const dp = matrix(z.rows, z.width, (e) => (slope(p.data[e] - y.data[e]) * factor(e)) / z.width);
      return activationGradient(plan.output, { z, y: p }, dp);
    }
  }
}

/** The metric of every row. */
export function rowMetrics(metric: MetricPlan, p: Matrix, y: Matrix): Float64Array {
  return perRow(p, (begin, end) => {
    const predictions = p.data.subarray(begin, end);
    const targetClass = firstGreatest(y.data.subarray(begin, end));
    switch (metric.kind) {
      case 'categoricalAccuracy':
        return firstGreatest(predictions) === targetClass ? 1 : 0;
      case 'binaryAccuracy':
        return mean(begin, end, (e) => (p.data[e] > metric.threshold === y.data[e] > 0.5 ? 1 : 0));
      case 'topK':
        return predictions.filter((value) => value > predictions[targetClass]).length < metric.k ? 1 : 0;
      case 'meanSquaredError':
        return mean(begin, end, (e) => (p.data[e] - y.data[e]) ** 2);
      case 'meanAbsoluteError':
        return mean(begin, end, (e) => Math.abs(p.data[e] - y.data[e]));
    }
  });
}

function firstGreatest(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

function perRow(m: Matrix, value: (begin: number, end: number) => number): Float64Array {
  return Float64Array.from({ length: m.rows }, (_, row) => value(row * m.width, (row + 1) * m.width));
}

function sum(begin: number, end: number, term: (e: number) => number): number {
  let total = 0;
  for (let e = begin; e < end; e++) total += term(e);
  return total;
}

function mean(begin: number, end: number, term: (e: number) => number): number {
  return sum(begin, end, term) / (end - begin);
}
