import type { Examples, Session, TrainPlan } from '../backend/contract';
import type { ExampleStream } from '../data/row-source';
import type { Callback, TrainedModel } from './callbacks';
import type { Checkpoint } from './checkpoint';
import type { Ends } from './ends';

/** How many rows a stream has that does not say so. */
export const UNKNOWN = Number.MAX_SAFE_INTEGER;

/** What outlives a fit: the model keeps it, fit moves it on. */
export interface Position {
  /** Steps done since training began. */
  step: number;
  learningRate: number;
}

/** Everything that a fit needs, checked. */
export interface FitJob extends Ends {
  session: Session;
  /** Nobody changes the model's state meanwhile. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  model: TrainedModel;
  plan: TrainPlan;
  examples: Examples | ExampleStream;
  /** Rows [0, trainRows) are trained; the rest validates unless `validation` is there. UNKNOWN of some streams. */
  trainRows: number;
  validation?: Examples | ExampleStream;
  /** Rows of a stream that are buffered, a multiple of batchSize; null where nobody says, and none trains. */
  bufferRows: number | null;
  /** As it was given. */
  classWeight: Readonly<Record<number, number>> | null;
  /** Rows of a stream with the weights of their classes. */
  weighted?: (examples: Examples) => Examples;
  batchSize: number;
  initialEpoch: number;
  /** The epoch before which training ends. */
  epochs: number;
  shuffle: boolean;
  seed: number;
  callbacks: readonly Callback[];
  /** Where to go on from; it fits the rest. The session holds its state already. */
  resume?: Checkpoint;
  /** Moved on step by step, so that it is right however fit ends. */
  position: Position;
}
