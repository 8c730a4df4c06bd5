/** trainingConfig ↔ what a model is compiled with, as far as both sides know the same losses and optimisers. */

import { FusorError } from '../../errors';
import { isObject } from '../../files/json';
import type { TrainingConfig } from '../../model/compile';
import { type LossConfig, losses } from '../../model/losses';
import type { MetricConfig } from '../../model/metrics';
import type { OptimizerConfig } from '../../model/optimizers';
import { modelFromJSON } from '../../model/sequential';
import type { ModelConfig } from '../../model/types';
import { elements } from '../../shape';
import type { Json } from './json';

export const LOSSES = {
  categorical_crossentropy: 'categoricalCrossentropy',
  sparse_categorical_crossentropy: 'sparseCategoricalCrossentropy',
  binary_crossentropy: 'binaryCrossentropy',
  mean_squared_error: 'meanSquaredError',
  mean_absolute_error: 'meanAbsoluteError',
  huber: 'huber',
} as const;

const KINDS = { accuracy: 'accuracy', mse: 'meanSquaredError', mae: 'meanAbsoluteError' } as const;
const METRICS: Record<string, keyof typeof KINDS> = {
  acc: 'accuracy',
  accuracy: 'accuracy',
  binary_accuracy: 'accuracy',
  categorical_accuracy: 'accuracy',
  sparse_categorical_accuracy: 'accuracy',
  mse: 'mse',
  mean_squared_error: 'mse',
  mae: 'mae',
  mean_absolute_error: 'mae',
};
/** Accuracies by their own names: here each goes with one loss. */
const OF_LOSS: Record<string, LossConfig['kind']> = {
  binary_accuracy: 'binaryCrossentropy',
  categorical_accuracy: 'categoricalCrossentropy',
  sparse_categorical_accuracy: 'sparseCategoricalCrossentropy',
};

/** What says how a metric's name is meant; `classes`: whether the outputs are shares of several classes. */
export interface Measured {
  loss: LossConfig;
  outputs: number;
  classes: boolean;
}

/** @returns a metric of ours, or undefined where none counts the same */
type ReadMetric = (metric: unknown, measured: Measured) => MetricConfig | undefined;

const byName: ReadMetric = (metric, { loss }) => {
  if (typeof metric !== 'string' || !Object.hasOwn(METRICS, metric)) return undefined;
  // Another loss's accuracy counts otherwise.
  if ((OF_LOSS[metric] ?? loss.kind) !== loss.kind) return undefined;
  const name = METRICS[metric];
  return { kind: KINDS[name], name };
};

/** A model with its training where that maps: what does not go together here is left to the user's own compile. */
export function compiled(
  bare: Omit<ModelConfig, 'compile'>,
  training: unknown,
  readMetric: ReadMetric = byName,
): ModelConfig {
  const read = readTraining(training);
  if (!read) return bare;
  try {
    const measured = measuredOf(bare, read.loss);
    // Of two that would have one name here the last.
    const metrics = metricsIn(training as Json).flatMap((metric) => readMetric(metric, measured) ?? []);
    const named = [...new Map(metrics.map((metric) => [metric.name, metric])).values()];
    return modelFromJSON({ ...bare, compile: { ...read, metrics: named } }).toJSON();
  } catch (error) {
    if (error instanceof FusorError) return bare;
    throw error;
  }
}

function measuredOf(bare: Omit<ModelConfig, 'compile'>, loss: LossConfig): Measured {
  const model = modelFromJSON(bare);
  const outputs = elements(model.outputShape);
  const { activation } = model.toJSON().layers.at(-1)!.config as { activation?: string };
  return { loss, outputs, classes: outputs > 1 && activation === 'softmax' };
}

/** What a file says of its training that is not in what it was read as. */
export function unreadOf(
  training: unknown,
  { compile, ...bare }: ModelConfig,
  readMetric: ReadMetric = byName,
): string[] {
  if (!isObject(training) || Object.keys(training).length === 0) return [];
  // Absent, null, an empty list or ones.
  const others = ['loss_weights', 'weighted_metrics'].filter(
    (key) => !['', '1'].includes(String(training[key] ?? '')),
  );
  if (!compile) return ['optimizer, loss and metrics: not all of them have a counterpart here', ...others];
  const measured = measuredOf(bare, compile.loss);
  const metrics = metricsIn(training).filter((metric) => !readMetric(metric, measured));
  return [...metrics.map((metric) => `the metric ${nameOf(metric)}`), ...others];
}

const metricsIn = ({ metrics }: Json): unknown[] => (Array.isArray(metrics) ? metrics.slice(0, 100) : []);

/** Of a metric by its name, or as an object of Keras. */
const nameOf = (metric: unknown): string =>
  String(isObject(metric) ? metric.class_name : metric).slice(0, 60);

/** Loss and optimiser, which is not yet checked; undefined where one of them has no counterpart here. */
function readTraining(value: unknown): { loss: LossConfig; optimizer: Json } | undefined {
  if (!isObject(value) || !isObject(value.optimizer_config)) return undefined;
  // The loss times something has no counterpart here. Keras writes a list, of one model's output, or the number.
  if (![value.loss_weights].flat().every((weight) => weight === undefined || weight === null || weight === 1))
    return undefined;
  const loss = readLoss(value.loss);
  const { class_name: className, config } = value.optimizer_config;
  const optimizer = isObject(config) ? readOptimizer(className, config) : undefined;
  return loss && optimizer && { loss, optimizer };
}

const ALIASES: Record<string, keyof typeof LOSSES> = {
  mse: 'mean_squared_error',
  mae: 'mean_absolute_error',
};

/** By name, or as Keras 3 writes an object: CategoricalCrossentropy with from_logits. */
function readLoss(value: unknown): LossConfig | undefined {
  if (isObject(value)) {
    const { class_name: className, config } = value;
    const name = String(className)
      .replace(/(?!^)([A-Z])/g, '_$1')
      .toLowerCase();
    const kind = Object.hasOwn(LOSSES, name) ? LOSSES[name as keyof typeof LOSSES] : undefined;
    const given = isObject(config) ? config : {};
    const plain =
      (given.ignore_class ?? null) === null &&
      [undefined, null, -1, 1].includes(given.axis as number | null | undefined) &&
      [undefined, 'sum_over_batch_size'].includes(given.reduction as string);
    if (!kind || !plain) return undefined;
    const { from_logits: fromLogits, label_smoothing: smoothing, delta = 1 } = given;
    // Its size is checked where the model is made of it.
    return {
      kind,
      fromLogits: fromLogits === true,
      ...(smoothing ? { labelSmoothing: smoothing as number } : {}),
      ...(kind === 'huber' && { delta: delta as number }),
    };
  }
  if (typeof value !== 'string') return undefined;
  const name = Object.hasOwn(ALIASES, value) ? ALIASES[value] : value;
  return Object.hasOwn(LOSSES, name) ? losses[LOSSES[name as keyof typeof LOSSES]]() : undefined;
}

function readOptimizer(className: unknown, config: Json): Json | undefined {
  // TensorFlow.js writes learningRate, its converter Keras' learning_rate or lr.
  const first = (...keys: string[]) =>
    keys.map((key) => config[key]).find((value) => value !== undefined && value !== null);
  const off = (...keys: string[]) => keys.every((key) => !config[key]);
  const clipNorm = first('global_clipnorm');
  const gradientAccumulationSteps = first('gradient_accumulation_steps');
  const rate = {
    learningRate: first('learningRate', 'learning_rate', 'lr'),
    ...(clipNorm !== undefined && { clipNorm }),
    ...(gradientAccumulationSteps !== undefined && { gradientAccumulationSteps }),
  };
  if (!off('clipnorm', 'clipvalue', 'use_ema')) return undefined;
  if (className !== 'AdamW' && !off('weight_decay')) return undefined;
  const epsilon = first('epsilon') ?? 1e-7;
  switch (className) {
    case 'SGD':
    case 'Momentum': {
      const momentum = first('momentum') ?? 0;
      const nesterov = momentum !== 0 && (first('useNesterov', 'nesterov') ?? false);
      return off('decay') ? { kind: 'sgd', ...rate, momentum, nesterov } : undefined;
    }
    case 'AdamW':
    case 'Adam': {
      const betas = { beta1: first('beta1', 'beta_1'), beta2: first('beta2', 'beta_2') };
      if (!off('decay', 'amsgrad')) return undefined;
      if (className === 'Adam') return { kind: 'adam', ...rate, ...betas, epsilon };
      return { kind: 'adamw', ...rate, ...betas, epsilon, weightDecay: first('weight_decay') ?? 0 };
    }
    case 'RMSProp':
    case 'RMSprop':
      // What Keras calls rho, TensorFlow.js calls decay.
      if (config.rho !== undefined && !off('decay')) return undefined;
      return off('momentum', 'centered')
        ? { kind: 'rmsprop', ...rate, rho: first('rho', 'decay'), epsilon }
        : undefined;
  }
  return undefined;
}

/** Undefined where TensorFlow.js has no such loss or optimiser. */
export function writeTraining({ loss, optimizer, metrics }: TrainingConfig): Json | undefined {
  const written = writeOptimizer(optimizer);
  const name = Object.entries(LOSSES).find(([, ours]) => ours === loss.kind)?.[0];
  if (!written || !name || loss.kind === 'huber' || loss.fromLogits || loss.labelSmoothing !== undefined)
    return undefined;
  const names = metrics.flatMap(({ kind }) => METRIC_NAMES[kind] ?? []);
  return { loss: name, metrics: names, optimizer_config: written };
}

const METRIC_NAMES: Record<string, string> = {
  accuracy: 'accuracy',
  meanSquaredError: 'mse',
  meanAbsoluteError: 'mae',
};

/** What of a training TensorFlow.js has no place for. */
export function leftOutOf(training: TrainingConfig): string[] {
  if (!writeTraining(training))
    return ['optimizer, loss and metrics: TensorFlow.js has no such optimizer or loss'];
  const metrics = training.metrics
    .filter(({ kind }) => !METRIC_NAMES[kind])
    .map(({ name }) => `the metric ${name}`);
  const options = ['clipNorm', 'gradientAccumulationSteps'] as const;
  return [...metrics, ...options.filter((key) => training.optimizer[key] !== undefined)];
}

function writeOptimizer(o: OptimizerConfig): Json | undefined {
  const { learningRate } = o;
  switch (o.kind) {
    case 'sgd':
      return o.momentum > 0
        ? { class_name: 'Momentum', config: { learningRate, momentum: o.momentum, useNesterov: o.nesterov } }
        : { class_name: 'SGD', config: { learningRate } };
    case 'adam':
      return {
        class_name: 'Adam',
        config: { learningRate, beta1: o.beta1, beta2: o.beta2, epsilon: o.epsilon },
      };
    case 'rmsprop':
      return {
        class_name: 'RMSProp',
        config: { learningRate, decay: o.rho, momentum: 0, epsilon: o.epsilon, centered: false },
      };
    default:
      return undefined;
  }
}
