/** The layers of TensorFlow.js and Keras that there are here, both ways. The list is closed: nothing is looked up. */
import { show } from '../../arguments';
import { FusorError, nearestName } from '../../errors';
import { refused } from '../../files/refused';
import { SCALED } from '../../model/initializers';
import type { LayerConfig } from '../../model/layers';
import { readActivation, renamed } from './activations';
import { readInitializers, writeInitializers } from './initializers';
import type { Json, Place } from './json';
import { readRestraints, writeRestraints } from './restraints';

/** Our className and the part of its config that is the class's own. */
type Own = { className: LayerConfig['className']; config: Json };

const READ: Record<string, (config: Json, place: Place) => Own> = {
  InputLayer: () => ({ className: 'InputLayer', config: {} }),
  Dense: (config, place) => {
    for (const key of ['quantization_config', 'lora_rank']) neutral(config, key, [null], place);
    const { units, activation: given, use_bias: useBias = true, trainable = true } = config;
    const activation = readActivation(given ?? 'linear');
    const own = { units, activation, useBias, trainable };
    return {
      className: 'Dense',
      config: { ...own, ...readInitializers(config), ...readRestraints(config, place) },
    };
  },
  Flatten: (config, place) => {
    for (const key of ['data_format', 'dataFormat'])
      neutral(config, key, [null, 'channels_last', 'channelsLast'], place);
    return { className: 'Flatten', config: {} };
  },
  Activation: ({ activation }) => ({
    className: 'Activation',
    config: { activation: readActivation(activation) },
  }),
  ReLU: (config, place) => {
    neutral(config, 'max_value', [null], place);
    neutral(config, 'threshold', [0, null], place);
    return config.negative_slope ? leaky(config.negative_slope) : activationOf('relu');
  },
  LeakyReLU: ({ negative_slope: slope, alpha = 0.3 }) => leaky(slope ?? alpha),
  ELU: (config, place) => {
    neutral(config, 'alpha', [1], place);
    return activationOf('elu');
  },
  Softmax: (config, place) => {
    // Ours is over flat rows, whose only axis is 1 and the last.
    neutral(config, 'axis', [-1, 1], place);
    return activationOf('softmax');
  },
  Dropout: (config, place) => {
    neutral(config, 'noise_shape', [null], place);
    return { className: 'Dropout', config: { rate: config.rate } };
  },
  BatchNormalization: (config, place) => {
    for (const key of UNRESTRAINED) neutral(config, key, [null], place);
    for (const key of ['renorm', 'synchronized']) neutral(config, key, [false, null], place);
    neutral(config, 'virtual_batch_size', [null], place);
    const { momentum = 0.99, epsilon = 0.001, center = true, scale = true, trainable = true } = config;
    const axis = Array.isArray(config.axis) && config.axis.length === 1 ? config.axis[0] : config.axis;
    return { className: 'BatchNormalization', config: { momentum, epsilon, center, scale, trainable, axis } };
  },
  Rescaling: ({ scale, offset = 0 }) => ({ className: 'Rescaling', config: { scale, offset } }),
};

const activationOf = (activation: string): Own => ({ className: 'Activation', config: { activation } });
const leaky = (negativeSlope: unknown): Own => ({
  className: 'Activation',
  config: { activation: 'leakyRelu', negativeSlope },
});

/** Of gammas and betas, which have none here. */
const UNRESTRAINED = ['beta', 'gamma'].flatMap((of) => [`${of}_regularizer`, `${of}_constraint`]);

/**
 * Layers without the axis that batch normalisations are of, once it is known to be the last: -1, or its number, which depends on what comes
 * in. @throws ERR_FILE_FORMAT
 */
export function withoutAxes(layers: readonly { className: string; config: Json }[], place: Place): Json[] {
  let rank = 0;
  return layers.map(({ className, config: { axis = -1, ...config } }, i) => {
    if (Array.isArray(config.inputShape)) rank = config.inputShape.length;
    if (className === 'BatchNormalization') neutral({ axis }, 'axis', [-1, rank], place.at(i));
    if (className === 'Flatten' || className === 'Dense') rank = 1;
    return { className, config };
  });
}

/** One layer as ours; its values are checked when the model is made. @throws ERR_LAYER_UNKNOWN, ERR_FILE_FORMAT */
export function readLayer(entry: unknown, place: Place): { className: string; config: Json } {
  const { class_name: className, config: given } = place.object(entry);
  const config = place.at('config').object(given);
  if (typeof className !== 'string' || !Object.hasOwn(READ, className)) throw unknownLayer(className, place);
  // Keras 3 writes a policy, and what is in it.
  const policy = (config.dtype as { config?: { name?: unknown } } | null | undefined)?.config?.name;
  neutral(policy === undefined ? config : { dtype: policy }, 'dtype', ['float32'], place);
  neutral(config, 'activity_regularizer', [null], place);
  const own = READ[className](config, place);
  const shape = config.batch_input_shape ?? config.batch_shape;
  const { name } = config;
  return {
    className: own.className,
    config: {
      ...(name === undefined ? {} : { name }),
      ...own.config,
      ...(shape === undefined || shape === null ? {} : { inputShape: withoutBatch(shape, place) }),
    },
  };
}

/** [null, 28, 28, 1] → [28, 28, 1]. */
function withoutBatch(shape: unknown, place: Place): unknown[] {
  const sizes = place.at('config.batch_input_shape').list(shape, 9);
  return sizes.slice(1);
}

/** A setting that changes what a layer computes, and that there is none of here, must stand at no effect. */
function neutral(config: Json, key: string, allowed: readonly unknown[], place: Place): void {
  const value = config[key];
  if (value === undefined || allowed.includes(value)) return;
  throw refused(
    place.file,
    'unsupported',
    `${place.path}: ${key} is ${show(value)}, fusor has it as ${allowed.map(show).join(' or ')} only`,
    'remove it from the model where it was made',
    { path: place.path, key },
  );
}

function unknownLayer(className: unknown, place: Place): FusorError {
  const known = Object.keys(READ);
  const name = typeof className === 'string' ? className.slice(0, 60) : show(className);
  const near = nearestName(name, known);
  return new FusorError(
    'ERR_LAYER_UNKNOWN',
    [
      `the layer class ${show(name)} is not known`,
      `${place.file}, ${place.path}`,
      near ? `did you mean ${near}?` : `known are ${known.join(', ')}; no code is loaded from a file`,
    ],
    { file: place.file, path: place.path, className: name },
  );
}

/** A layer of ours as TensorFlow.js writes it. */
export function writeLayer(layer: LayerConfig): Json {
  const { className, config } = renamed(layer, 'alpha', { silu: 'swish' });
  const {
    name,
    inputShape,
    trainable = true,
    ...own
  } = config as {
    name: string;
    inputShape?: number[];
    trainable?: false;
  } & Json;
  const place = inputShape ? { batch_input_shape: [null, ...inputShape], dtype: 'float32' } : {};
  return { class_name: className, config: { ...written(className, own), name, trainable, ...place } };
}

function object(className: string, config: Json): Json {
  return { class_name: className, config };
}

function written(className: string, own: Json): Json {
  if (className === 'Dropout') return { ...own, noise_shape: null, seed: null };
  if (className === 'BatchNormalization') return { axis: -1, ...own };
  if (className !== 'Dense') return own;
  const { units, activation, useBias } = own;
  return {
    units,
    activation,
    use_bias: useBias,
    ...writeInitializers(own, object, (kind) => object('VarianceScaling', { ...SCALED[kind], seed: null })),
    activity_regularizer: null,
    ...writeRestraints(own, (_, name, config) => object(name, config)),
  };
}
