/** Metrics of Keras ↔ ours: only where both sides count the same. Keras' name says less than its class. */
import { takesLogits } from '../../backend/contract';
import type { LossConfig } from '../../model/losses';
import type { MetricConfig } from '../../model/metrics';
import { isLogName } from '../../train/history';
import type { Json } from '../layers-model/json';
import type { Measured } from '../layers-model/training';

/** The word accuracy is what goes with the loss; the class Accuracy counts outputs that equal their targets. */
const ACCURACY = 'accuracy';
const AS_CLASS: Record<string, string> = {
  acc: ACCURACY,
  accuracy: ACCURACY,
  mse: 'MeanSquaredError',
  mae: 'MeanAbsoluteError',
};
const TOP = 5;

/** @param value a name, or an object of keras.saving */
export function readKerasMetric(
  value: unknown,
  { loss, outputs, classes }: Measured,
): MetricConfig | undefined {
  const { className, config } = parsed(value);
  const { k = TOP } = config;
  const name = typeof config.name === 'string' ? config.name : '';
  const metric = (kind: MetricConfig['kind'], more: Json = {}) => ({ kind, name, ...more }) as MetricConfig;
  const values = !takesLogits(loss);
  const categorical = loss.kind === 'categoricalCrossentropy' || (values && classes);
  const sparse = loss.kind === 'sparseCategoricalCrossentropy';
  const binary = loss.kind === 'binaryCrossentropy' && !loss.fromLogits && (config.threshold ?? 0.5) === 0.5;
  const top = typeof k === 'number' && k <= outputs;
  const counted: Record<string, boolean> = {
    // Of several outputs, whatever the loss, Keras counts the greatest.
    [ACCURACY]: categorical || sparse || (binary && outputs === 1),
    BinaryAccuracy: binary,
    CategoricalAccuracy: categorical,
    SparseCategoricalAccuracy: sparse,
    TopKCategoricalAccuracy: (categorical || (values && outputs > 1)) && top,
    SparseTopKCategoricalAccuracy: sparse && top,
    MeanSquaredError: !sparse,
    MeanAbsoluteError: !sparse,
  };
  if (!Object.hasOwn(counted, className) || !counted[className] || !isLogName(name)) return undefined;
  if (className.includes('TopK')) return metric('topK', { k });
  if (/accuracy$/i.test(className)) return metric('accuracy');
  return metric(className === 'MeanSquaredError' ? 'meanSquaredError' : 'meanAbsoluteError');
}

function parsed(value: unknown): { className: string; config: Json } {
  if (typeof value === 'string')
    return { className: AS_CLASS[value.toLowerCase()] ?? classOf(value), config: { name: value } };
  const { class_name: className, config } = Object(value) as Json;
  const given = (typeof config === 'object' && config !== null ? config : {}) as Json;
  const name = String(className)
    .replace(/(?!^)([A-Z])/g, '_$1')
    .toLowerCase();
  return { className: String(className), config: { name, ...given } };
}

/** 'top_k_categorical_accuracy' → 'TopKCategoricalAccuracy'. */
const classOf = (name: string) =>
  name.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());

/** @returns a name or an object of keras.saving; undefined where Keras has nothing that counts the same */
export function writeKerasMetric(metric: MetricConfig, loss: LossConfig): string | Json | undefined {
  const { kind, name } = metric;
  const object = (className: string, config: Json = {}): Json => ({
    module: 'keras.metrics',
    class_name: className,
    config: { name, dtype: 'float32', ...config },
    registered_name: null,
  });
  const sparse = loss.kind === 'sparseCategoricalCrossentropy' ? 'Sparse' : '';
  switch (kind) {
    case 'topK':
      return object(`${sparse}TopKCategoricalAccuracy`, { k: metric.k });
    case 'accuracy':
      if (loss.kind !== 'binaryCrossentropy') return object(`${sparse}CategoricalAccuracy`);
      // Keras' threshold lies between 0 and 1: of logits it counts otherwise.
      return loss.fromLogits ? undefined : object('BinaryAccuracy', { threshold: 0.5 });
    case 'meanSquaredError':
      return object('MeanSquaredError');
    case 'meanAbsoluteError':
      return object('MeanAbsoluteError');
  }
}
