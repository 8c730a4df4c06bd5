/** What `train` trains: the data, the model and what it is compiled with. */
import { loadDataset } from '../../data/datasets';
import type { LabelledRows } from '../../data/entry';
import { takesRow } from '../../data/examples';
import type { OwnData } from '../../data/open-table';
import { trainRowsOf } from '../../data/split';
import { FusorError } from '../../errors';
import {
  type Checkpoint,
  type DeviceOptions,
  type LossConfig,
  layers,
  losses,
  type Model,
  modelFromJSON,
  type OptimizerConfig,
  optimizers,
  sequential,
} from '../../index';
import { settingOf } from '../../io/kept-data';
import { loadConfig, loadModel } from '../../io/model';
import { elements } from '../../shape';
import { whereOf } from '../model-path';
import type { Settings } from '../option';
import type * as options from '../options';
import { bothGiven, type Resolved, rankOf } from '../settings';
import { arraysOf, inputShapeOf, isOfClasses, outputsOf, rowsOf, taskOf, valuesOf } from './data';
import { formOf, isConfiguration, keptToTrain } from './kept';

export type TrainSettings = Settings<typeof options.train>;
/** What is trained and where; the settings of the commands that train hold it. */
export interface Problem {
  settings: Settings<typeof options.problem & typeof options.runtime & Pick<typeof options.common, 'quiet'>>;
  origins: Resolved<typeof options.problem>['origins'];
}

/**
 * @param validation the share to validate with, of a file of the user's own: chosen at random, the same of each class
 * @param kept how the data is to be taken, of a model that was trained before
 */
export async function loadProblem(
  { settings }: Pick<Problem, 'settings'>,
  seed: number,
  validation = 0,
  kept = keptToTrain(settings.model),
): Promise<OwnData> {
  const { testSplit: test, loss } = settings;
  const task = loss && (isOfClasses(loss) ? 'classification' : 'regression');
  const data = await loadDataset(settings.data, { ...settings, task, validation, test, seed, ...kept });
  if (!data.validation)
    trainRowsOf(
      rowsOf(data.train),
      settings.validationSplit,
      data.name,
      '--validation-split',
      'take more rows (--limit), or another share',
    );
  return data;
}

/** The same for a command that needs all training rows at once. @throws ERR_ARG where they do not lie in memory */
export async function loadArrays(problem: Problem, seed: number): Promise<OwnData & { train: LabelledRows }> {
  const data = await loadProblem(problem, seed);
  return { ...data, train: arraysOf(data.train) };
}

/** The model of a checkpoint, to run where the flags say; its weights are still in the checkpoint. */
export function modelOf({ config }: Checkpoint, settings: TrainSettings): Model {
  const model = modelFromJSON(config);
  model.runOn(whereOf(settings));
  return model;
}

/** What a model that is given says itself. */
const OF_LAYERS = ['layers', 'activation', 'batchNormalization', 'dropout', 'l1', 'l2', 'maxNorm'] as const;

/** A compiled model for the data: of the flags, of a model.json, or of a model with its weights. */
export async function buildModel(
  { settings, origins }: Problem,
  data: OwnData,
  seed: number,
): Promise<Model> {
  const ofLayers = OF_LAYERS.find((key) => rankOf(origins[key]) >= Math.max(1, rankOf(origins.model)));
  if (settings.model !== undefined && ofLayers)
    throw bothGiven(origins[ofLayers], origins.model, 'leave one of them out: the model has its own layers');
  const model = settings.model === undefined ? mlp(settings, data) : await modelAt(settings.model);
  const stored = model.toJSON().compile;
  const kind = origins.optimizer !== 'default' || !stored ? settings.optimizer : stored.optimizer.kind;
  model.compile({
    optimizer: optimizerOf(kind, settings, stored?.optimizer),
    loss: lossOf(settings, stored?.loss, data),
    metrics: stored?.metrics ?? [data.classes === 0 ? 'mae' : 'accuracy'],
    seed,
    ...whereOf(settings),
  });
  if (settings.model !== undefined) checkFits(model, settings.model, data);
  return model;
}

/** What fit would say of a model that is given, with what to do on the command line. @throws ERR_SHAPE, ERR_LABEL_RANGE */
function checkFits(model: Model, path: string, { name, train, classes }: OwnData): void {
  const trained = settingOf(path, 'data');
  const refuse = (code: 'ERR_SHAPE' | 'ERR_LABEL_RANGE', what: string) =>
    new FusorError(code, [
      `${what} of ${name}`,
      path,
      trained === undefined ? 'name data of that form with --data' : formOf(trained),
    ]);
  const row = inputShapeOf(train);
  if (!takesRow(model.inputShape, row))
    throw refuse('ERR_SHAPE', `the model takes rows of [${model.inputShape}], not the [${row}]`);
  if (taskOf(model) !== 'classification') return;
  const outputs = elements(model.outputShape);
  const known = outputs === 1 ? 2 : outputs;
  if (classes === 0)
    throw refuse('ERR_LABEL_RANGE', `the model tells ${known} classes apart, not the values`);
  if (classes > known)
    throw refuse('ERR_LABEL_RANGE', `the model tells ${known} classes apart, not the ${classes}`);
}

function modelAt(path: string): Promise<Model> {
  return isConfiguration(path) ? loadConfig(path) : loadModel(path);
}

/** The stored one unless another is named, of values the squared error; with what is given of it, if anything. */
function lossOf(
  { loss: name, labelSmoothing, huberDelta }: Pick<TrainSettings, 'loss' | 'labelSmoothing' | 'huberDelta'>,
  stored: LossConfig | undefined,
  { classes }: OwnData,
): LossConfig {
  const loss = name ?? stored ?? (classes === 0 ? 'meanSquaredError' : 'categoricalCrossentropy');
  const base = typeof loss === 'string' ? losses[loss]() : loss;
  if (huberDelta !== undefined && base.kind !== 'huber')
    throw new FusorError('ERR_ARG', [
      `the loss is ${base.kind}, which has no delta`,
      '--huber-delta',
      'give --loss huber',
    ]);
  return {
    ...base,
    ...(labelSmoothing !== undefined && { labelSmoothing }),
    ...(huberDelta !== undefined && { delta: huberDelta }),
  };
}

/**
 * Pixels / 255, flat, the hidden layers, one output a class; for two classes and its loss, one output; for values one
 * output a value, which a rescaling brings to the size of those to predict: weights begin for values of about 1, and get there in no time.
 */
function mlp(
  { layers: widths, activation, batchNormalization, dropout, loss, l1, l2, maxNorm }: Problem['settings'],
  { train, classes, scale, schema }: OwnData,
): Model {
  const binary = loss === 'binaryCrossentropy';
  const inputShape = inputShapeOf(train);
  const held = {
    kernelRegularizer: { l1, l2 },
    ...(maxNorm !== undefined && { kernelConstraint: { maxNorm } }),
  };
  // What normalises takes a bias away again.
  const activated = (units: number) =>
    batchNormalization
      ? [
          layers.dense(units, { useBias: false, ...held }),
          layers.batchNormalization(),
          layers.activation(activation),
        ]
      : [layers.dense(units, { activation, ...held })];
  const dropped = dropout === undefined ? [] : [layers.dropout(dropout)];
  const values = classes === 0 && !(loss && isOfClasses(loss)) ? valuesOf(train, schema) : null;
  const last =
    classes === 0
      ? layers.dense(outputsOf(train), held)
      : layers.dense(binary && classes === 2 ? 1 : classes, {
          activation: binary ? 'sigmoid' : 'softmax',
          ...held,
        });
  return sequential([
    layers.rescaling(scale ?? 1 / 255, { inputShape }),
    layers.flatten(),
    ...widths.flatMap((units) => [...activated(units), ...dropped]),
    last,
    ...(values ? [layers.rescaling(values.deviation, { offset: values.mean })] : []),
  ]);
}

/** The stored one where it is of that kind, else one with the defaults; with what is given of it, if anything. */
function optimizerOf(
  kind: TrainSettings['optimizer'],
  { learningRate, clipNorm, accumulate }: Pick<TrainSettings, 'learningRate' | 'clipNorm' | 'accumulate'>,
  stored: OptimizerConfig | undefined,
): OptimizerConfig {
  const base = stored?.kind === kind ? stored : optimizers[kind]();
  return {
    ...base,
    ...(learningRate !== undefined && { learningRate }),
    ...(clipNorm !== undefined && { clipNorm }),
    ...(accumulate !== undefined && { gradientAccumulationSteps: accumulate }),
  };
}

/** For a model that comes without its training: the loss that its last activation is made for. */
export function compileForTest(model: Model, where: DeviceOptions): void {
  const { output } = model.plan();
  const loss =
    output === 'softmax'
      ? 'categoricalCrossentropy'
      : output === 'sigmoid'
        ? 'binaryCrossentropy'
        : 'meanSquaredError';
  const metrics = [loss === 'meanSquaredError' ? ('mse' as const) : ('accuracy' as const)];
  model.compile({ optimizer: 'sgd', loss, metrics, ...where });
}
