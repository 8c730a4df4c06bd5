import { boolean, closed, count, integer, range, reading, real, seedOf, wrong } from '../arguments';
import type { ArrayLike } from '../data/ndarray';
import { isRowSource, type RowChunk, type RowSource } from '../data/row-source';
import type { Callback } from './callbacks';
import { checkedCallbacks } from './caller';
import type { Checkpoint } from './checkpoint';

export interface FitOptions {
  /** Rows a step; default 32. The last batch of an epoch may be smaller and is trained, too. */
  batchSize?: number | undefined;
  /**
   * Of a source of rows: so many are buffered on the device, and shuffled among each other; a multiple of batchSize, by
   * default about 32 MiB of them. A buffer trains while the next one is read.
   */
  bufferRows?: number | undefined;
  /** The epoch before which training ends, counted from 0; default 1. */
  epochs?: number | undefined;
  /** Share of the rows, the last ones, that validate instead of being trained; from 0 (default) to below 1. */
  validationSplit?: number | undefined;
  /** Other rows to validate with, or a source of them; takes the place of validationSplit. */
  validationData?: RowChunk | RowSource | undefined;
  /** A new order of the training rows for each epoch; default true. */
  shuffle?: boolean | undefined;
  /**
   * Key of the shuffle, the dropout and, where they have not been drawn yet, the initial weights: an integer in
   * [0, 2⁵³). By default compile's, else chosen at random; History.seed tells. The epoch's number keys the shuffle,
   * too: a second fit with the same seed goes on with new orders when initialEpoch says where it stands.
   */
  seed?: number | undefined;
  callbacks?: readonly Callback[] | undefined;
  /**
   * Aborting it ends fit after the step at hand with the signal's reason, where that is an error, else with an AbortError of which it
   * is the cause; the weights reached are kept.
   */
  signal?: AbortSignal | undefined;
  /** Factors for the loss of training rows, by class; default 1 each. */
  classWeight?: Readonly<Record<number, number>> | undefined;
  /** Factors for the loss, one a row. */
  sampleWeight?: ArrayLike | undefined;
  /** On stderr: 0 nothing, 1 a line redrawn in place, 2 a line an epoch, 'auto' (default) 1 on a terminal, else 2. */
  verbose?: 0 | 1 | 2 | 'auto' | undefined;
  /** Number of the first epoch; default 0. */
  initialEpoch?: number | undefined;
  /**
   * Goes on from a checkpoint as though training had never ended: from its step, in the middle of an epoch, too, with
   * its history. A file, a folder of checkpoints or a run folder, of which the newest whole one is taken; or what
   * loadCheckpoint gave. Model, data and options must be as they were; epochs, batchSize, bufferRows, shuffle and seed are
   * the checkpoint's where they are not given, the learning rate always is.
   */
  resume?: string | Checkpoint | undefined;
}

const KEYS: (keyof FitOptions)[] = [
  'batchSize',
  'bufferRows',
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
  'resume',
];

/** fit(x, y, options), or fit(rows, options). */
export function fitArguments(
  [first, second, third]: [unknown, unknown?, unknown?],
  where = 'fit',
): { rows: FitRows; options: unknown } {
  const arrays = { rows: { x: first as ArrayLike, y: second as ArrayLike }, options: third };
  // fit(rows, undefined, options): as though the arrays had gone into one, and their place had stayed.
  const options = second === undefined ? third : second;
  return reading(where, () => {
    const hasTargets =
      ArrayBuffer.isView(second) || Array.isArray(second) || Object(second).data !== undefined;
    if (isRowSource(first)) {
      if (!hasTargets) return { rows: first, options };
      throw wrong(where, 'y', second, 'left out with a source of rows', 'the source gives { x, y }');
    }
    const { x, y } = Object(first);
    return !hasTargets && x !== undefined && y !== undefined ? { rows: first as FitRows, options } : arrays;
  });
}

/** The options as given, each read once. @throws ERR_ARG for an unknown one */
export function givenOptions(options: unknown): FitOptions {
  return closed<FitOptions>('fit', options, KEYS);
}

/**
 * @param o of {@link givenOptions}
 * @param resume the checkpoint that its `resume` means
 * @throws ERR_ARG naming the option, what it is and what it may be
 */
export function fitOptions(o: FitOptions, resume?: Checkpoint) {
  const where = 'fit';
  const epochs = count(where, 'epochs', o.epochs, { fallback: resume?.epochs ?? 1 });
  // An epoch that has begun is gone on with to its end.
  const begun = resume ? resume.epoch + (resume.batch > 0 ? 1 : 0) : 0;
  if (epochs < begun)
    throw wrong(where, 'epochs', epochs, `at least ${begun}: so many are done, or begun, in the checkpoint`);
  if (resume && o.initialEpoch !== undefined)
    throw wrong(where, 'initialEpoch', o.initialEpoch, 'left out with resume');
  const { verbose = 'auto', validationData } = o;
  if (![0, 1, 2, 'auto'].includes(verbose)) throw wrong(where, 'verbose', verbose, "0, 1, 2 or 'auto'");
  const batchSize = count(where, 'batchSize', o.batchSize, { fallback: resume?.batchSize ?? 32 });
  if (o.bufferRows !== undefined) count(where, 'bufferRows', o.bufferRows);
  return {
    batchSize,
    // Whole batches: where a buffer ends is nothing that training sees.
    bufferRows: o.bufferRows ? Math.ceil(o.bufferRows / batchSize) * batchSize : resume?.bufferRows,
    epochs,
    initialEpoch: integer(where, 'initialEpoch', o.initialEpoch, { min: 0, max: epochs, fallback: 0 }),
    validationSplit: real(where, 'validationSplit', o.validationSplit, 0, range.fraction),
    validationData: checkedRows(where, validationData),
    shuffle: boolean(where, 'shuffle', o.shuffle, resume?.shuffle ?? true),
    seed: seedOf(where, o.seed) ?? resume?.seed,
    callbacks: checkedCallbacks(where, o.callbacks),
    signal: checkedSignal(where, o.signal),
    classWeight: o.classWeight,
    sampleWeight: o.sampleWeight,
    verbose,
  };
}

/** [x, y], [x, y, sampleWeight] or { x, y, sampleWeight } as the last; a source as it is. */
function checkedRows(where: string, rows: unknown): FitRows | undefined {
  if (rows === undefined) return undefined;
  const { x, y } = Object(rows);
  if (x !== undefined && y !== undefined) return rows as FitRows;
  if (isRowSource(rows)) return rows;
  if (Array.isArray(rows) && [2, 3].includes(rows.length))
    return { x: rows[0], y: rows[1], sampleWeight: rows[2] };
  throw wrong(where, 'validationData', rows, '[x, y], [x, y, sampleWeight] or a source of rows');
}

/** Rows in arrays, or a source of them. */
export type FitRows = Exclude<RowChunk, readonly unknown[]> | RowSource;

/** Rows with the weights that an option gives them. @throws ERR_ARG where they have their own, or come from a source */
export function withWeights(where: string, rows: FitRows, sampleWeight: ArrayLike | undefined): FitRows {
  if (sampleWeight === undefined) return rows;
  const refuse = (expected: string) =>
    wrong(where, 'sampleWeight', sampleWeight, expected, 'give { x, y, sampleWeight }');
  if (isRowSource(rows)) throw refuse('left out with a source of rows');
  if (rows.sampleWeight !== undefined) throw refuse('given once');
  return { ...rows, sampleWeight };
}

export function checkedSignal(where: string, signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  // Of any realm.
  const { aborted } = Object(signal) as Partial<AbortSignal>;
  const methods = ['addEventListener', 'removeEventListener', 'throwIfAborted'] as const;
  if (typeof aborted === 'boolean' && methods.every((name) => typeof Object(signal)[name] === 'function'))
    return signal as AbortSignal;
  throw wrong(where, 'signal', signal, 'an AbortSignal');
}
