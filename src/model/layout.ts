/** Layers in their places: names given, shapes followed from the input on, every disagreement found. */
import { reading, wrong } from '../arguments';
import { FusorError, nearestName } from '../errors';
import { elements } from '../shape';
import type { InitializerConfig, Initializers } from './initializers';
import { type LayerConfig, layers } from './layers';

/** A layer of a model, its name settled. Shapes are without the batch dimension. */
export interface PlacedLayer {
  name: string;
  config: Exclude<LayerConfig, { className: 'InputLayer' }>;
  inputShape: readonly number[];
  outputShape: readonly number[];
  parameters: number;
  /** Of those, as many as the optimiser changes. */
  trained: number;
}

export interface Layout {
  inputShape: readonly number[];
  outputShape: readonly number[];
  layers: readonly PlacedLayer[];
  parameterCount: number;
}

/** More are a mistake or an attack; counted before anything of that size is allocated. */
const MAX_PARAMETERS = 2 ** 31;
const MAX_LAYERS = 10_000;

/** Rebuilds each kind of layer from its config, so that foreign data passes the checks of the public functions. */
const REBUILD: { [K in LayerConfig['className']]: (config: never) => LayerConfig } = {
  InputLayer: ({ inputShape, ...rest }: { inputShape: number[] }) => layers.input(inputShape, rest),
  Rescaling: ({ scale, ...rest }: { scale: number }) => layers.rescaling(scale, rest),
  Flatten: (rest: object) => layers.flatten(rest),
  Dense: ({ units, ...rest }: { units: number }) => layers.dense(units, rest),
  Activation: ({ activation, ...rest }: { activation: 'relu' }) => layers.activation(activation, rest),
  Dropout: ({ rate, ...rest }: { rate: number }) => layers.dropout(rate, rest),
  BatchNormalization: (rest: object) => layers.batchNormalization(rest),
};

/** A checked copy of one entry. @throws ERR_LAYER_UNKNOWN for a class outside the closed list */
function checked(entry: unknown, index: number): LayerConfig {
  const { className, config } = (typeof entry === 'object' && entry !== null ? entry : {}) as LayerConfig;
  if (typeof className !== 'string' || typeof config !== 'object' || config === null)
    throw wrong('sequential', `layer ${index}`, entry, 'made by layers.dense, layers.flatten, …');
  if (!Object.hasOwn(REBUILD, className)) {
    const names = Object.keys(REBUILD);
    const near = nearestName(className, names);
    throw new FusorError(
      'ERR_LAYER_UNKNOWN',
      [
        `unknown layer class "${className.slice(0, 60)}"`,
        `layer ${index}`,
        near ? `did you mean ${near}?` : `known are ${names.join(', ')}`,
      ],
      { index, className: className.slice(0, 60) },
    );
  }
  return REBUILD[className](config as never);
}

function checkedAll(entries: unknown): LayerConfig[] {
  if (!Array.isArray(entries)) throw wrong('sequential', 'layers', entries, 'an array of layers');
  if (entries.length > MAX_LAYERS)
    throw new FusorError('ERR_PLAN', [`${entries.length} layers are more than ${MAX_LAYERS}`, 'sequential']);
  // Array.from fills the holes of a sparse array.
  return Array.from(entries, checked);
}

/** BatchNormalization → batch_normalization, as Keras calls layers of a class. */
export function snakeCase(className: string): string {
  return className.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase();
}

/** 'dense', 'dense_1', 'batch_normalization', …: the first name that is free, as Keras. @param counts where to go on, by class */
function named(config: LayerConfig, taken: Set<string>, counts: Map<string, number>): string {
  const wanted = config.config.name;
  if (wanted !== undefined) return wanted;
  const base = snakeCase(config.className);
  for (let n = counts.get(base) ?? 0; ; n++) {
    const name = n === 0 ? base : `${base}_${n}`;
    if (taken.has(name)) continue;
    counts.set(base, n + 1);
    return name;
  }
}

const same = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((v, i) => v === b[i]);

/** @throws ERR_SHAPE naming the layer that disagrees, ERR_PLAN beyond the limits, ERR_ARG, ERR_LAYER_UNKNOWN */
export function layoutOf(entries: readonly unknown[]): Layout {
  const configs = reading('sequential', () => checkedAll(entries));
  const input = configs[0]?.className === 'InputLayer' ? configs.shift() : undefined;
  const inputShape = input?.config.inputShape ?? configs[0]?.config.inputShape;
  if (configs.length === 0) throw wrong('sequential', 'layers', entries, 'at least one layer');
  if (!inputShape)
    throw new FusorError('ERR_SHAPE', [
      'the first layer has no inputShape',
      'sequential',
      'give it one, without the batch dimension: { inputShape: [28, 28, 1] }',
    ]);
  if (elements(inputShape) >= 2 ** 31)
    throw new FusorError('ERR_PLAN', [`an input of shape [${inputShape}] is too large`, 'sequential']);

  const given = configs.flatMap(({ config }) => config.name ?? []);
  const taken = new Set(given);
  const counts = new Map<string, number>();
  if (taken.size < given.length) {
    const twice = given.find((name, i) => given.indexOf(name) < i);
    throw new FusorError('ERR_ARG', [`two layers are named "${twice}"`, 'sequential', 'names are unique']);
  }

  let shape: readonly number[] = inputShape;
  let parameterCount = 0;
  const placed = configs.map((config, index): PlacedLayer => {
    if (config.className === 'InputLayer')
      throw new FusorError('ERR_PLAN', ['layers.input comes first', `sequential, layer ${index}`]);
    const name = named(config, taken, counts);
    taken.add(name);
    const said = config.config.inputShape;
    if (said && !same(said, shape))
      throw new FusorError(
        'ERR_SHAPE',
        [`inputShape is [${said}] but what comes in is [${shape}]`, `layer "${name}"`, 'leave it out'],
        { layer: name, expected: [...said], received: [...shape] },
      );
    const before = shape;
    shape = outputShapeOf(config, name, before);
    const { parameters, trained } = parametersOfLayer(config, before);
    parameterCount += parameters;
    if (parameterCount > MAX_PARAMETERS)
      throw new FusorError(
        'ERR_PLAN',
        [`more than 2³¹ parameters (${parameterCount})`, `layer "${name}"`, 'use fewer units'],
        { layer: name, parameters: parameterCount },
      );
    return { name, config, inputShape: before, outputShape: shape, parameters, trained };
  });
  return { inputShape, outputShape: shape, layers: placed, parameterCount };
}

function outputShapeOf(config: LayerConfig, name: string, shape: readonly number[]): readonly number[] {
  if (config.className === 'Flatten') return [elements(shape)];
  const softmax = config.className === 'Activation' && config.config.activation === 'softmax';
  if ((config.className === 'Dense' || softmax) && shape.length > 1)
    throw new FusorError(
      'ERR_SHAPE',
      [
        `${softmax ? 'softmax' : 'a dense layer'} takes flat rows, got inputs of shape [${shape}]`,
        `layer "${name}"`,
        'add layers.flatten() before it',
      ],
      { layer: name, received: [...shape] },
    );
  return config.className === 'Dense' ? [config.config.units] : shape;
}

function parametersOfLayer(config: LayerConfig, shape: readonly number[]) {
  const counted = (own: number, moving: number, trainable?: false) => ({
    parameters: own + moving,
    trained: trainable === false ? 0 : own,
  });
  switch (config.className) {
    case 'Dense': {
      const { units, useBias, trainable } = config.config;
      return counted(units * (shape[0] + Number(useBias)), 0, trainable);
    }
    case 'BatchNormalization': {
      const { scale, center, trainable } = config.config;
      const channels = shape.at(-1)!;
      return counted(channels * (Number(scale) + Number(center)), 2 * channels, trainable);
    }
    default:
      return counted(0, 0);
  }
}

/** What parameters are to begin with where it was said. */
export function initializersOf({ layers }: Pick<Layout, 'layers'>): Initializers {
  const own = new Map<string, InitializerConfig>();
  for (const { name, config } of layers) {
    if (config.className !== 'Dense') continue;
    const { kernelInitializer, biasInitializer } = config.config;
    if (kernelInitializer) own.set(`${name}/kernel`, kernelInitializer);
    if (biasInitializer) own.set(`${name}/bias`, biasInitializer);
  }
  return own;
}
