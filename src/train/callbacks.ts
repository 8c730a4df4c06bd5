import type { SessionState, Timeline } from '../backend/contract';
import type { NDArray } from '../data/ndarray';
import type { Checkpoint } from './checkpoint';
import type { History, Logs } from './history';

/** What a callback may do with the model that is being trained; calls wait for the running span. */
export interface TrainedModel {
  readonly name: string;
  readonly layerNames: readonly string[];
  getWeights(): Promise<NDArray<Float32Array>[]>;
  setWeights(weights: readonly NDArray[]): Promise<void>;
  /** Weights, optimiser slots and step: what a checkpoint needs. */
  readState(): Promise<SessionState>;
  writeState(state: SessionState): Promise<void>;
  toJSON(): unknown;
}

/** Where training stands, and the means to steer it. */
export interface TrainingContext {
  readonly model: TrainedModel;
  /** Steps done since training began, over all fits. */
  readonly step: number;
  /** Number of the epoch at hand. */
  readonly epoch: number;
  /** The epoch at which this fit ends (exclusive): initialEpoch is its first. */
  readonly epochs: number;
  /** Batches done in the epoch at hand, and batches an epoch: Infinity in the first epoch of a stream that does not say. */
  readonly batch: number;
  readonly batches: number;
  readonly batchSize: number;
  readonly seed: number;
  /** Whether fit goes on from a checkpoint. */
  readonly resumed: boolean;
  /** What an epoch's logs are called: the loss, the metrics, and both of what validates. */
  readonly logNames: readonly string[];
  /** Those of them that are better when they are greater: accuracies and topK, whatever they are named. */
  readonly accuracyNames: readonly string[];
  /** Those of them that callbacks add. */
  readonly ownLogNames: readonly string[];
  /** Training time over steps, of the epoch at hand so far. */
  readonly stepMicroseconds: number;
  /** The optimiser's rate; a new value (finite, ≥ 0) holds from the next span on and after this fit. */
  learningRate: number;
  /** What was done so far; of a resumed training, all of it. */
  readonly history: History;
  /** Whether fit's signal was aborted. */
  readonly aborted: boolean;
  /** Ends training after the step at hand; the epoch is validated, recorded and fit resolves. */
  stop(): void;
  /** Ends the running span, or the next one, after the step at hand, so that onSpanEnd is called; then goes on. */
  pause(): void;
  /**
   * Everything that it takes to go on from here; to be asked for by onTrainBegin, onSpanEnd, onEpochEnd, onTrainEnd
   * and onTrainError. An epoch has ended once all callbacks but those that are `last` have heard of its end; before, who goes on
   * validates it again and tells them all. @throws ERR_NONFINITE_LOSS when there is no use in going on, ERR_STATE after dispose
   */
  checkpoint(): Promise<Checkpoint>;
}

/** How far the epoch at hand has come. Means over its rows so far. */
export interface EpochProgress {
  epoch: number;
  /** Batches done, and batches in all: Infinity where that is not known yet. */
  batch: number;
  batches: number;
  logs: Logs;
}

/**
 * Called by fit at the moments named; promises are awaited, an error ends fit with that error. Epochs and
 * batches count from 0. The fewer batch calls are asked for, the longer the spans that run without JavaScript.
 */
export interface Callback {
  /** Batches between two calls of onBatchEnd, from 1 (the default); it is also called at the end of each epoch. */
  everyBatches?: number;
  /** Steps since training began, over all fits, at whose multiples a span ends, so that onSpanEnd is called. */
  everySteps?: number;
  /**
   * The rate of a step, counted from 0 since training began; asked for all steps of a span before it. Of several callbacks
   * the last one's holds, over what onEpochBegin and the like set.
   */
  learningRateAt?(step: number): number;
  /**
   * Whether it may set the rate that the context has: such a one and one with learningRateAt are not for one fit. With either,
   * logs and history have `learningRate`. Default false.
   */
  setsLearningRate?: boolean;
  /** Called after the callbacks that are not: what they decided counts. Default false. */
  last?: boolean;
  /**
   * Weights that it keeps to come back to, in the order of a state's. Where there is such a property, checkpoints hold what it
   * has; before onTrainBegin it is what the checkpoint had that training goes on from, else undefined.
   */
  bestWeights?: Float32Array[] | undefined;
  onTrainBegin?(context: TrainingContext): void | Promise<void>;
  onEpochBegin?(epoch: number, context: TrainingContext): void | Promise<void>;
  /** `logs` are means over the rows done since the last call, `losses` one loss a step since then. */
  onBatchEnd?(
    batch: number,
    logs: Logs,
    context: TrainingContext,
    losses: Float32Array,
  ): void | Promise<void>;
  /** After every span, whoever asked for its end. */
  onSpanEnd?(context: TrainingContext): void | Promise<void>;
  /** Metrics of one's own: the names of what epochLogs gives. */
  logNames?: readonly string[];
  /** Called after the validation: one value a name, for the epoch's logs and history; also to be monitored. */
  epochLogs?(epoch: number, context: TrainingContext): Logs | Promise<Logs>;
  /** `logs` are frozen: what is to be added comes from epochLogs. */
  onEpochEnd?(epoch: number, logs: Logs, context: TrainingContext): void | Promise<void>;
  /** When the loss of a step or of the validation is not finite; unless it calls stop, fit then ends with ERR_NONFINITE_LOSS. */
  onNonFinite?(loss: number, context: TrainingContext): void | Promise<void>;
  /** Before any onTrainEnd, which may bring other weights back: the state is that of the last step. */
  onTrained?(context: TrainingContext): void | Promise<void>;
  /** Not called when fit ends by an error or an abort. `logs` are those of the last epoch. */
  onTrainEnd?(logs: Logs, context: TrainingContext): void | Promise<void>;
  /** When fit ends by an error or an abort, also after onTrainEnd where another callback's has thrown; must not throw. */
  onTrainError?(error: unknown, context: TrainingContext): void | Promise<void>;
  /** Asks for onTimeline; looked at before each span. */
  timeline?: boolean;
  /** What the session did in a span and when; before onBatchEnd and onSpanEnd. Not called by backends that cannot tell. */
  onTimeline?(timeline: Timeline, context: TrainingContext): void | Promise<void>;
  /** Now and then within a span, as the backend reports; not awaited, but what its promise is rejected with ends fit while it runs. */
  onProgress?(progress: EpochProgress, context: TrainingContext): void;
}
