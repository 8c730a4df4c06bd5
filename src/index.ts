/// <reference types="node" preserve="true" />
/** The public names of fusor. */
import { FusorError } from './errors';

export type {
  Activation,
  Backend,
  BackendName,
  Candidate,
  DeviceRequest,
  LayerPlan,
  LossPlan,
  MetricPlan,
  OptimizerPlan,
  Parameter,
  ParameterKind,
  Phase,
  Precision,
  Session,
  SessionState,
  Timeline,
  TrainPlan,
} from './backend/contract';
export { parametersOf, slotsOf } from './backend/contract';
export type { DeviceOptions } from './backend/request';
export { devices, mayUseGpu } from './backend/select';
export type { NamedCandidate, StepDown } from './backend/selection';
export {
  type DatasetOptions,
  datasets,
  type ImageDataset,
  type LabelledImages,
  type LabelledReviews,
  type ReviewDataset,
} from './data/datasets';
export type { LabelledRows } from './data/entry';
export { toCategorical } from './data/labels';
export { type ArrayLike, type NDArray, type Nested, type NumericArray, ndarray } from './data/ndarray';
export type { OpenOptions } from './data/open-options';
export type { OwnData, Rows } from './data/open-table';
export type { EpochAt, RowChunk, RowIterable, RowSource, RowStream } from './data/row-source';
export type { TableColumn, TableSchema } from './data/table/schema';
export {
  type ErrorCode,
  type ErrorDetails,
  type ErrorParts,
  exitStatusOf,
  FusorError,
  isFusorError,
} from './errors';
export { type Conversion, type ConvertOptions, convertModel } from './io/convert';
export type { KeptData } from './io/kept-data';
export { loadModel, loadWeights, type SaveOptions, saveModel } from './io/model';
export type { FormatName } from './io/stored-model';
export type { CompileOptions, TrainingConfig } from './model/compile';
export {
  type FindLearningRateOptions,
  findLearningRate,
  type LearningRates,
} from './model/find-learning-rate';
export { type InitializerConfig, type InitializerName, initializers } from './model/initializers';
export {
  type BatchNormalizationOptions,
  type DenseOptions,
  type LayerConfig,
  type LayerOptions,
  layers,
} from './model/layers';
export { type LossConfig, type LossName, losses } from './model/losses';
export { type MetricConfig, type MetricName, metrics } from './model/metrics';
export {
  type EvaluateOptions,
  type Evaluation,
  Model,
  type ModelConfig,
  type RuntimeInfo,
} from './model/model';
export {
  type AdamOptions,
  type AdamwOptions,
  type OptimizerConfig,
  type OptimizerName,
  optimizers,
  type RmspropOptions,
  type SgdOptions,
} from './model/optimizers';
export {
  type ConstraintConfig,
  constraints,
  type RegularizerConfig,
  type RegularizerName,
  regularizers,
} from './model/restraints';
export { modelFromJSON, sequential } from './model/sequential';
export { loadCheckpoint } from './runs/checkpoint-folder';
export { type CsvLoggerOptions, csvLogger } from './runs/loggers/csv';
export { jsonlLogger } from './runs/loggers/jsonl';
export { type MlflowOptions, mlflowLogger } from './runs/loggers/mlflow';
export { tensorBoard } from './runs/loggers/tensorboard';
export { type ModelCheckpoint, type ModelCheckpointOptions, modelCheckpoint } from './runs/model-checkpoint';
export type { Callback, EpochProgress, TrainedModel, TrainingContext } from './train/callbacks';
export type { Checkpoint } from './train/checkpoint';
export { type EarlyStopping, type EarlyStoppingOptions, earlyStopping } from './train/early-stopping';
export type { History, Logs, Timing } from './train/history';
export { learningRateScheduler } from './train/learning-rate';
export type { MonitorOptions } from './train/monitor';
export type { FitOptions, FitRows } from './train/options';
export { type ReduceOnPlateauOptions, reduceOnPlateau } from './train/reduce-on-plateau';
export { type Schedule, schedules } from './train/schedules';
export { terminateOnNaN } from './train/terminate-on-nan';

// Without it an older one would end in a TypeError, somewhere.
const { node } = process.versions;
if (Number.parseFloat(node) < 20)
  throw new FusorError('ERR_STATE', [
    `Node.js ${node} is too old for fusor`,
    process.execPath,
    'install Node.js 20.17 or newer',
  ]);
