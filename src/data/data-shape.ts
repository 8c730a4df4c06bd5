import type { TrainPlan } from '../backend/contract';

/** What the data must fit. */
export interface DataShape {
  plan: TrainPlan;
  /** Shape of one input, without the batch dimension. */
  inputShape: readonly number[];
  /** Names of the first and the last layer, for errors. */
  firstLayer: string;
  lastLayer: string;
}
