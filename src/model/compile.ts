import type { DeviceRequest, LossPlan, OptimizerPlan } from '../backend/contract';

/** An optimiser with its learning rate, JSON-safe. */
export type OptimizerConfig = OptimizerPlan & { learningRate: number };
export type LossConfig = LossPlan & { fromLogits: boolean };
export type MetricConfig =
  | { kind: 'accuracy' | 'meanSquaredError' | 'meanAbsoluteError'; name: string }
  | { kind: 'topK'; name: string; k: number };

export type OptimizerName = OptimizerPlan['kind'];
export type LossName = LossPlan['kind'] | 'mse' | 'mae';
export type MetricName = 'accuracy' | 'mse' | 'mae' | 'topK';

/** What a model is trained by, JSON-safe; the device is not part of it: a model runs wherever it is loaded. */
export interface TrainingConfig {
  optimizer: OptimizerConfig;
  loss: LossConfig;
  metrics: MetricConfig[];
  seed?: number;
}

/** Where to run; each undefined part comes from its environment variable FUSOR_…, else is chosen. */
export interface DeviceOptions extends Partial<DeviceRequest> {
  backend?: 'auto' | 'native' | 'tfjs';
  /** Do not say on stderr when something better could not be had. */
  quiet?: boolean;
}

export interface CompileOptions extends DeviceOptions {
  optimizer: OptimizerName | OptimizerConfig;
  loss: LossName | LossConfig;
  /** Default []. */
  metrics?: readonly (MetricName | MetricConfig)[];
  /** Default of fit's seed. */
  seed?: number;
}
