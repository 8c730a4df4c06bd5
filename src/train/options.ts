import { boolean, closed, integer, range, real, seedOf, wrong } from '../arguments';
import type { ArrayLike } from '../data/ndarray';
import type { Callback } from './callbacks';
import { checkedCallbacks } from './caller';

export interface FitOptions {
  /** Rows a step; default 32. The last batch of an epoch may be smaller and is trained, too. */
  batchSize?: number;
  /** The epoch before which training ends, counted from 0; default 1. */
  epochs?: number;
  /** Share of the rows, the last ones, that validate instead of being trained; from 0 (default) to below 1. */
  validationSplit?: number;
  /** Other rows to validate with; takes the place of validationSplit. */
  validationData?: readonly [x: ArrayLike, y: ArrayLike, sampleWeight?: ArrayLike];
  /** A new order of the training rows for each epoch; default true. */
  shuffle?: boolean;
  /**
   * Key of the shuffle, the dropout and, where they have not been drawn yet, the initial weights: an integer in
   * [0, 2⁵³). By default compile's, else chosen at random; History.seed tells. The epoch's number keys the shuffle,
   * too: a second fit with the same seed goes on with new orders when initialEpoch says where it stands.
   */
  seed?: number;
  callbacks?: readonly Callback[];
  /** Aborting it ends fit after the step at hand with the signal's reason; the weights reached are kept. */
  signal?: AbortSignal;
  /** Factors for the loss of training rows, by class; default 1 each. */
  classWeight?: Readonly<Record<number, number>>;
  /** Factors for the loss, one a row. */
  sampleWeight?: ArrayLike;
  /** On stderr: 0 nothing, 1 a line redrawn in place, 2 a line an epoch, 'auto' (default) 1 on a terminal, else 2. */
  verbose?: 0 | 1 | 2 | 'auto';
  /** Number of the first epoch; default 0. */
  initialEpoch?: number;
}

const KEYS: (keyof FitOptions)[] = [
  'batchSize',
  'epochs',
  'validationSplit',
  'validationData',
  'shuffle',
  'seed',
  'callbacks',
  'signal',
  'classWeight',
  'sampleWeight',
  'verbose',
  'initialEpoch',
];

export const MAX_COUNT = 2 ** 31 - 1;

/** @throws ERR_ARG naming the option, what it is and what it may be */
export function fitOptions(options: unknown) {
  const where = 'fit';
  const o = closed<FitOptions>(where, options, KEYS);
  const epochs = integer(where, 'epochs', o.epochs, { min: 1, max: MAX_COUNT, fallback: 1 });
  const { verbose = 'auto', validationData } = o;
  if (![0, 1, 2, 'auto'].includes(verbose)) throw wrong(where, 'verbose', verbose, "0, 1, 2 or 'auto'");
  if (
    validationData !== undefined &&
    !(Array.isArray(validationData) && [2, 3].includes(validationData.length))
  )
    throw wrong(where, 'validationData', validationData, '[x, y] or [x, y, sampleWeight]');
  return {
    batchSize: integer(where, 'batchSize', o.batchSize, { min: 1, max: MAX_COUNT, fallback: 32 }),
    epochs,
    initialEpoch: integer(where, 'initialEpoch', o.initialEpoch, { min: 0, max: epochs, fallback: 0 }),
    validationSplit: real(where, 'validationSplit', o.validationSplit, 0, range.fraction),
    validationData,
    shuffle: boolean(where, 'shuffle', o.shuffle, true),
    seed: seedOf(where, o.seed),
    callbacks: checkedCallbacks(where, o.callbacks),
    signal: checkedSignal(where, o.signal),
    classWeight: o.classWeight,
    sampleWeight: o.sampleWeight,
    verbose,
  };
}

export function checkedSignal(where: string, signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return signal as AbortSignal;
  throw wrong(where, 'signal', signal, 'an AbortSignal');
}

/** How many of the rows are trained: the first ⌊rows·(1 − split)⌋, as Keras. */
export function trainRowsOf(rows: number, split: number): number {
  if (split === 0) return rows;
  const trained = Math.floor(rows * (1 - split));
  if (trained > 0 && trained < rows) return trained;
  const short = trained === 0 ? 'train' : 'validate with';
  throw wrong('fit', 'validationSplit', split, `such that of ${rows} rows at least one is left to ${short}`);
}
