/** The public names of fusor. */
export type {
  Activation,
  Backend,
  BackendName,
  Candidate,
  DeviceRequest,
  SessionState,
  TrainPlan,
} from './backend/contract';
export { parametersOf, slotsOf } from './backend/contract';
export { devices, type StepDown } from './backend/select';
export {
  type ArrayLike,
  type NDArray,
  type Nested,
  type NumericArray,
  ndarray,
  toCategorical,
} from './data/ndarray';
export { type ErrorCode, type ErrorDetails, exitStatusOf, FusorError, isFusorError } from './errors';
export type {
  CompileOptions,
  DeviceOptions,
  LossConfig,
  LossName,
  MetricConfig,
  MetricName,
  OptimizerConfig,
  OptimizerName,
  TrainingConfig,
} from './model/compile';
export { type DenseOptions, type LayerConfig, type LayerOptions, layers } from './model/layers';
export {
  type EvaluateOptions,
  type FitOptions,
  Model,
  type ModelConfig,
  modelFromJSON,
  type RuntimeInfo,
  sequential,
} from './model/model';
export { losses, metrics, optimizers } from './model/optimizers';
export type { BatchLogs, Callback, EpochProgress, TrainedModel, TrainingContext } from './train/callbacks';
export type { History, Logs, Timing } from './train/history';
