import { boolean, closed, oneOf, range, real, wrong } from '../arguments';
import type { LossPlan } from '../backend/contract';

/** A loss, JSON-safe. */
export type LossConfig = LossPlan & {
  /** The model's outputs are logits: its last layer is linear. Cross-entropies only. */
  fromLogits: boolean;
};

const ALIASES: Record<string, LossPlan['kind']> = { mse: 'meanSquaredError', mae: 'meanAbsoluteError' };

interface LogitOptions {
  /** The outputs are logits, not probabilities. Default false. */
  fromLogits?: boolean;
}

interface SmoothedOptions extends LogitOptions {
  /**
   * How unsure targets are made, those of validation and evaluation too: y becomes y·(1 − s) + s/n, n the number of classes, 2 with
   * binaryCrossentropy. From 0 to below 1, default 0.
   */
  labelSmoothing?: number;
}

const KEYS = ['fromLogits', 'labelSmoothing'] as const;

const crossEntropy =
  (kind: LossPlan['kind']) =>
  (options?: LogitOptions): LossConfig => {
    const where = `losses.${kind}`;
    const { fromLogits, labelSmoothing = 0 } = closed<SmoothedOptions>(where, options, KEYS);
    if (labelSmoothing !== 0)
      throw wrong(
        where,
        'labelSmoothing',
        labelSmoothing,
        'left out: class indices are sure',
        'use losses.categoricalCrossentropy, and toCategorical(y, classes)',
      );
    return { kind, fromLogits: boolean(where, 'fromLogits', fromLogits, false) };
  };

const smoothedCrossEntropy =
  (kind: LossPlan['kind']) =>
  (options?: SmoothedOptions): LossConfig => {
    const where = `losses.${kind}`;
    const { labelSmoothing, ...rest } = closed<SmoothedOptions>(where, options, KEYS);
    const smoothing = real(where, 'labelSmoothing', labelSmoothing, 0, range.fraction);
    return { ...crossEntropy(kind)(rest), ...(smoothing > 0 && { labelSmoothing: smoothing }) };
  };

const error =
  (kind: 'meanSquaredError' | 'meanAbsoluteError' | 'huber') =>
  (options?: { fromLogits?: false }): LossConfig => {
    const where = `losses.${kind}`;
    const { fromLogits = false, labelSmoothing = 0 } = closed<SmoothedOptions>(where, options, KEYS);
    if (fromLogits)
      throw wrong(where, 'fromLogits', fromLogits, 'left out: only cross-entropies have logits');
    if (labelSmoothing !== 0)
      throw wrong(where, 'labelSmoothing', labelSmoothing, 'left out: only probabilities are smoothed');
    return { kind, fromLogits };
  };

/** The losses there are; all are means over the outputs of a row, then over the rows of a batch. All throw ERR_ARG naming the option. */
export const losses = {
  /** −Σ yᵢ·log pᵢ; y holds a probability for each class: rows that sum to 1. */
  categoricalCrossentropy: smoothedCrossEntropy('categoricalCrossentropy'),
  /** −log p[y]; y holds class indices. */
  sparseCategoricalCrossentropy: crossEntropy('sparseCategoricalCrossentropy'),
  /** −y·log p − (1−y)·log(1−p), each output for itself; y from 0 to 1. */
  binaryCrossentropy: smoothedCrossEntropy('binaryCrossentropy'),
  /** (p − y)². */
  meanSquaredError: error('meanSquaredError'),
  /** |p − y|. */
  meanAbsoluteError: error('meanAbsoluteError'),
  /**
   * With d = |p − y|: ½d² where d ≤ delta, else delta·(d − ½delta); outliers pull no more than what is delta away. Huber, 1964.
   * @param options delta = 1, greater than 0, in units of y
   */
  huber(options?: { delta?: number; fromLogits?: false }): LossConfig {
    const { delta, ...rest } = closed<SmoothedOptions & { delta?: number }>('losses.huber', options, [
      'delta',
      ...KEYS,
    ]);
    return {
      ...error('huber')(rest as { fromLogits?: false }),
      delta: real('losses.huber', 'delta', delta, 1, range.positive),
    };
  },
};

const NAMES = Object.keys(losses) as LossPlan['kind'][];
export type LossName = LossPlan['kind'] | 'mse' | 'mae';

/** A checked config of a name or of (possibly foreign) data. */
export function lossConfig(value: unknown): LossConfig {
  if (typeof value === 'object' && value !== null) {
    const { kind, ...options } = closed<LossConfig>('compile', value, ['kind', 'delta', ...KEYS]);
    const make = losses[oneOf('compile', 'loss.kind', kind, NAMES)] as (o: SmoothedOptions) => LossConfig;
    return make(options);
  }
  const name = ALIASES[value as string] ?? value;
  return losses[oneOf('compile', 'loss', name, NAMES)]();
}
