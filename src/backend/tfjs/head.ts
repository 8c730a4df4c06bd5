import { type LossPlan, type MetricPlan, type TrainPlan, takesLogits } from '../contract';

/*
 * The last step of a pass runs on the host, in float64: the loss, its gradient and the metrics take a few hundred
 * numbers of a batch, and a dozen tensor operations on so few cost more than the sums themselves.
 */

/** A batch's targets: labels [rows] or values [rows, outputs], and one weight a row. Rows are named by `order`. */
export interface Targets {
  y: Int32Array | Float32Array;
  weights?: Float32Array;
  order: ArrayLike<number>;
}

/** Values of a batch, feature-major: [outputs, rows]. */
export interface Outputs {
  logits: Float32Array;
  predictions: Float32Array;
}

export interface Score {
  /** Σ wᵢ·lossᵢ. */
  loss: number;
  /** Σ over rows, one a metric. */
  metrics: number[];
  /** Of the mean loss: with respect to the logits for cross-entropies, to the predictions otherwise. */
  gradient: Float32Array;
}

export function score(plan: TrainPlan, outputs: Outputs, targets: Targets): Score {
  const rows = targets.order.length;
  const width = plan.outputs;
  const gradient = new Float32Array(width * rows);
  const metrics = plan.metrics.map(() => 0);
  const values = takesLogits(plan.loss) ? outputs.logits : outputs.predictions;
  const output = new Float64Array(width);
  const target = new Float64Array(width);
  const rowGradient = new Float64Array(width);
  let loss = 0;
  for (let row = 0; row < rows; row++) {
    readTarget(plan, targets, targets.order[row], target);
    for (let k = 0; k < width; k++) output[k] = values[k * rows + row];
    const weight = targets.weights ? targets.weights[targets.order[row]] : 1;
    loss += weight * rowLoss(plan.loss, output, target, rowGradient);
    for (let k = 0; k < width; k++) gradient[k * rows + row] = (rowGradient[k] * weight) / rows;
    if (metrics.length === 0) continue;
    for (let k = 0; k < width; k++) output[k] = outputs.predictions[k * rows + row];
    for (let m = 0; m < metrics.length; m++) metrics[m] += rowMetric(plan.metrics[m], output, target);
  }
  return { loss, metrics, gradient };
}

/** A class index stands for its one-hot row. */
function readTarget(plan: TrainPlan, { y }: Targets, row: number, target: Float64Array): void {
  if (plan.targets === 'labels') {
    target.fill(0);
    target[y[row]] = 1;
  } else {
    for (let k = 0; k < target.length; k++) target[k] = y[row * target.length + k];
  }
}

/** The loss of one row; writes its gradient with respect to `value`. */
function rowLoss(
  { kind, delta = 0 }: LossPlan,
  value: Float64Array,
  target: Float64Array,
  gradient: Float64Array,
): number {
  const width = value.length;
  let loss = 0;
  switch (kind) {
    case 'categoricalCrossentropy':
    case 'sparseCategoricalCrossentropy': {
      const normaliser = logSumExp(value);
      for (let k = 0; k < width; k++) {
        if (target[k] !== 0) loss += target[k] * (normaliser - value[k]);
        gradient[k] = Math.exp(value[k] - normaliser) - target[k];
      }
      return loss;
    }
    case 'binaryCrossentropy':
      for (let k = 0; k < width; k++) {
        const decay = Math.exp(-Math.abs(value[k]));
        loss += Math.max(value[k], 0) - value[k] * target[k] + Math.log1p(decay);
        gradient[k] = ((value[k] < 0 ? decay : 1) / (1 + decay) - target[k]) / width;
      }
      return loss / width;
    case 'meanSquaredError':
      for (let k = 0; k < width; k++) {
        loss += (value[k] - target[k]) ** 2;
        gradient[k] = (2 * (value[k] - target[k])) / width;
      }
      return loss / width;
    case 'meanAbsoluteError':
      for (let k = 0; k < width; k++) {
        loss += Math.abs(value[k] - target[k]);
        gradient[k] = Math.sign(value[k] - target[k]) / width;
      }
      return loss / width;
    case 'huber':
      for (let k = 0; k < width; k++) {
        const far = Math.abs(value[k] - target[k]);
        loss += far <= delta ? (far * far) / 2 : delta * (far - delta / 2);
        gradient[k] = Math.max(-delta, Math.min(delta, value[k] - target[k])) / width;
      }
      return loss / width;
  }
}

function logSumExp(values: Float64Array): number {
  let greatest = values[0];
  for (let k = 1; k < values.length; k++) greatest = Math.max(greatest, values[k]);
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += Math.exp(values[k] - greatest);
  return greatest + Math.log(sum);
}

function rowMetric(metric: MetricPlan, prediction: Float64Array, target: Float64Array): number {
  const width = prediction.length;
  let sum = 0;
  switch (metric.kind) {
    case 'categoricalAccuracy':
      return firstGreatest(prediction) === firstGreatest(target) ? 1 : 0;
    case 'topK': {
      const own = prediction[firstGreatest(target)];
      for (let k = 0; k < width; k++) if (prediction[k] > own) sum++;
      return sum < metric.k ? 1 : 0;
    }
    case 'binaryAccuracy':
      for (let k = 0; k < width; k++) if (prediction[k] > metric.threshold === target[k] > 0.5) sum++;
      return sum / width;
    case 'meanSquaredError':
      for (let k = 0; k < width; k++) sum += (prediction[k] - target[k]) ** 2;
      return sum / width;
    case 'meanAbsoluteError':
      for (let k = 0; k < width; k++) sum += Math.abs(prediction[k] - target[k]);
      return sum / width;
  }
}

function firstGreatest(values: Float64Array): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k] > values[best]) best = k;
  return best;
}
