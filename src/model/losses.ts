import { boolean, closed, oneOf, wrong } from '../arguments';
import type { LossPlan } from '../backend/contract';

/** A loss, JSON-safe. */
export type LossConfig = LossPlan & {
  /** The model's outputs are logits: its last layer is linear. Cross-entropies only. */
  fromLogits: boolean;
};

const ALIASES: Record<string, LossPlan['kind']> = { mse: 'meanSquaredError', mae: 'meanAbsoluteError' };

interface CrossEntropyOptions {
  /** The outputs are logits, not probabilities. Default false. */
  fromLogits?: boolean;
}

const crossEntropy =
  (kind: LossPlan['kind']) =>
  (options?: CrossEntropyOptions): LossConfig => {
    const where = `losses.${kind}`;
    const { fromLogits } = closed<CrossEntropyOptions>(where, options, ['fromLogits']);
    return { kind, fromLogits: boolean(where, 'fromLogits', fromLogits, false) };
  };

const error =
  (kind: LossPlan['kind']) =>
  (options?: { fromLogits?: false }): LossConfig => {
    const { fromLogits = false } = closed<{ fromLogits?: boolean }>(`losses.${kind}`, options, [
      'fromLogits',
    ]);
    if (fromLogits)
      throw wrong(`losses.${kind}`, 'fromLogits', fromLogits, 'left out: only cross-entropies have logits');
    return { kind, fromLogits };
  };

/** The losses there are; all are means over the outputs of a row, then over the rows of a batch. All throw ERR_ARG naming the option. */
export const losses = {
  /** −Σ yᵢ·log pᵢ; y holds a probability for each class: rows that sum to 1. */
  categoricalCrossentropy: crossEntropy('categoricalCrossentropy'),
  /** −log p[y]; y holds class indices. */
  sparseCategoricalCrossentropy: crossEntropy('sparseCategoricalCrossentropy'),
  /** −y·log p − (1−y)·log(1−p), each output for itself; y from 0 to 1. */
  binaryCrossentropy: crossEntropy('binaryCrossentropy'),
  /** (p − y)². */
  meanSquaredError: error('meanSquaredError'),
  /** |p − y|. */
  meanAbsoluteError: error('meanAbsoluteError'),
};

const NAMES = Object.keys(losses) as LossPlan['kind'][];
export type LossName = LossPlan['kind'] | 'mse' | 'mae';

/** A checked config of a name or of (possibly foreign) data. */
export function lossConfig(value: unknown): LossConfig {
  if (typeof value === 'object' && value !== null) {
    const { kind, fromLogits } = closed<LossConfig>('compile', value, ['kind', 'fromLogits']);
    const make = losses[oneOf('compile', 'loss.kind', kind, NAMES)] as (o: CrossEntropyOptions) => LossConfig;
    return make({ fromLogits });
  }
  const name = ALIASES[value as string] ?? value;
  return losses[oneOf('compile', 'loss', name, NAMES)]();
}
