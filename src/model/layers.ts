import { boolean, closed, count, integer, oneOf, range, reading, real, wrong } from '../arguments';
import type { Activation, Restraints } from '../backend/contract';
import {
  type InitializerConfig,
  type InitializerName,
  type Initials,
  initializerConfig,
} from './initializers';
import {
  type ConstraintConfig,
  constraintConfig,
  type RegularizerConfig,
  type RegularizerName,
  regularizerConfig,
} from './restraints';

const ACTIVATIONS = [
  'linear',
  'relu',
  'sigmoid',
  'tanh',
  'softmax',
  'elu',
  'gelu',
  'silu',
  'selu',
  'softplus',
  'leakyRelu',
] as const satisfies Activation[];

/** As Keras': of leakyRelu where no other is given. */
export const NEGATIVE_SLOPE = 0.2;

/** Widest layer. More would not train, and indices stay exact in float32. */
const MAX_UNITS = 2 ** 24;

/** Options of every layer. */
export interface LayerOptions {
  /** Unique in the model; by default the class's name in lower case with a number, as Keras. */
  name?: string;
  /** Shape of one input, without the batch dimension; needed on the first layer. */
  inputShape?: readonly number[];
}

type Base = { name?: string; inputShape?: number[] };

/** A layer as JSON-safe data. */
export type LayerConfig =
  | { className: 'InputLayer'; config: { name?: string; inputShape: number[] } }
  | { className: 'Rescaling'; config: Base & { scale: number; offset: number } }
  | { className: 'Flatten'; config: Base }
  | {
      className: 'Dense';
      config: Base & {
        units: number;
        activation: Activation;
        useBias: boolean;
        trainable?: false;
      } & Initials &
        Restraints;
    }
  | { className: 'Activation'; config: Base & { activation: Activation; negativeSlope?: number } }
  | { className: 'Dropout'; config: Base & { rate: number } }
  | {
      className: 'BatchNormalization';
      config: Base & {
        momentum: number;
        epsilon: number;
        center: boolean;
        scale: boolean;
        trainable?: false;
      };
    };

function base(where: string, options: LayerOptions): Base {
  return reading(where, () => checkedBase(where, options));
}

function checkedBase(where: string, { name, inputShape }: LayerOptions): Base {
  const out: Base = {};
  if (name !== undefined) {
    if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name))
      throw wrong(where, 'name', name, 'up to 100 letters, digits, _, . or -');
    out.name = name;
  }
  if (inputShape !== undefined) out.inputShape = shapeOf(where, inputShape);
  return out;
}

function shapeOf(where: string, shape: unknown): number[] {
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > 8)
    throw wrong(where, 'inputShape', shape, 'an array of 1 to 8 sizes, without the batch dimension');
  return shape.map((size) => count(where, 'a size of inputShape', size));
}

/** The shape of one input; an optional first entry that stands for `inputShape` on the first layer. */
function input(shape: readonly number[], options?: { name?: string }): LayerConfig {
  const { name } = closed<{ name?: string }>('layers.input', options, ['name']);
  const config = base('layers.input', { name, inputShape: shape ?? null });
  return { className: 'InputLayer', config: config as { name?: string; inputShape: number[] } };
}

/**
 * y = x·scale + offset; keeps the shape. As the first layer it lets uint8 data stay uint8 on the device.
 * @param scale e.g. 1 / 255
 * @param options offset = 0
 */
function rescaling(scale: number, options?: LayerOptions & { offset?: number }): LayerConfig {
  const where = 'layers.rescaling';
  const { offset, ...rest } = closed<LayerOptions & { offset?: number }>(where, options, [
    'offset',
    'name',
    'inputShape',
  ]);
  return {
    className: 'Rescaling',
    config: {
      ...base(where, rest),
      scale: real(where, 'scale', scale, undefined, range.any),
      offset: real(where, 'offset', offset, 0, range.any),
    },
  };
}

/** Rows become flat: [28, 28, 1] → [784], row-major. */
function flatten(options?: LayerOptions): LayerConfig {
  const rest = closed<LayerOptions>('layers.flatten', options, ['name', 'inputShape']);
  return { className: 'Flatten', config: base('layers.flatten', rest) };
}

export interface DenseOptions extends LayerOptions {
  /** Default 'linear'. */
  activation?: Activation;
  /** Default true. */
  useBias?: boolean;
  /** Whether training changes its kernel and bias; where not, its regularisers and constraints rest, too. Default true. */
  trainable?: boolean;
  /** What it is before training; {@link initializers}. Default 'glorotUniform'. */
  kernelInitializer?: InitializerName | InitializerConfig;
  /** Default 'zeros'. */
  biasInitializer?: InitializerName | InitializerConfig;
  /** A penalty in the loss, also in that of validation and evaluate; {@link regularizers}. Default: none. */
  kernelRegularizer?: RegularizerName | Partial<RegularizerConfig>;
  biasRegularizer?: RegularizerName | Partial<RegularizerConfig>;
  /** A limit, held after each step; {@link constraints}. Default: none. */
  kernelConstraint?: 'maxNorm' | ConstraintConfig;
  biasConstraint?: 'maxNorm' | ConstraintConfig;
}

const INITIALIZERS = ['kernelInitializer', 'biasInitializer'] as const;
const RESTRAINTS = ['kernelRegularizer', 'biasRegularizer', 'kernelConstraint', 'biasConstraint'] as const;

/** Of a Dense layer's parameters: what it begins with, and what it is held to. */
function ofParameters(
  where: string,
  options: Pick<DenseOptions, (typeof INITIALIZERS | typeof RESTRAINTS)[number]>,
): Initials & Restraints {
  const read = {
    kernelInitializer: initializerConfig,
    biasInitializer: initializerConfig,
    kernelRegularizer: regularizerConfig,
    biasRegularizer: regularizerConfig,
    kernelConstraint: constraintConfig,
    biasConstraint: constraintConfig,
  };
  const keys = [...INITIALIZERS, ...RESTRAINTS];
  const entries = keys.map((key) => [key, read[key](where, key, options[key])] as const);
  return Object.fromEntries(entries.filter(([, config]) => config !== undefined));
}

/**
 * y = activation(x·kernel + bias), [inputs] → [units]. Kernel [inputs, units], bias [units].
 * @param units 1 … 2²⁴
 */
function dense(units: number, options?: DenseOptions): LayerConfig {
  const where = 'layers.dense';
  const o = closed<DenseOptions>(where, options, [
    'activation',
    'useBias',
    'trainable',
    ...INITIALIZERS,
    ...RESTRAINTS,
    'name',
    'inputShape',
  ]);
  return {
    className: 'Dense',
    config: {
      ...base(where, o),
      units: integer(where, 'units', units, { min: 1, max: MAX_UNITS }),
      activation: oneOf(where, 'activation', o.activation, ACTIVATIONS, 'linear'),
      useBias: boolean(where, 'useBias', o.useBias, true),
      ...(!boolean(where, 'trainable', o.trainable, true) && { trainable: false }),
      ...reading(where, () => ofParameters(where, o)),
    },
  };
}

/**
 * y = activation(x); keeps the shape. softmax works on flat rows only.
 * @param options negativeSlope = 0.2, of leakyRelu
 */
function activation(name: Activation, options?: LayerOptions & { negativeSlope?: number }): LayerConfig {
  const where = 'layers.activation';
  const { negativeSlope, ...rest } = closed<LayerOptions & { negativeSlope?: number }>(where, options, [
    'negativeSlope',
    'name',
    'inputShape',
  ]);
  const config = { ...base(where, rest), activation: oneOf(where, 'activation', name, ACTIVATIONS) };
  if (name === 'leakyRelu') {
    const slope = real(where, 'negativeSlope', negativeSlope, NEGATIVE_SLOPE, range.any);
    return { className: 'Activation', config: { ...config, negativeSlope: slope } };
  }
  if (negativeSlope !== undefined)
    throw wrong(where, 'negativeSlope', negativeSlope, "left out: only 'leakyRelu' has one");
  return { className: 'Activation', config };
}

/**
 * While training sets a share of the inputs to zero and scales the rest by 1/(1−rate); the identity otherwise.
 * @param rate share to drop, from 0 to below 1
 */
function dropout(rate: number, options?: LayerOptions): LayerConfig {
  const rest = closed<LayerOptions>('layers.dropout', options, ['name', 'inputShape']);
  return {
    className: 'Dropout',
    config: {
      ...base('layers.dropout', rest),
      rate: real('layers.dropout', 'rate', rate, undefined, range.fraction),
    },
  };
}

export interface BatchNormalizationOptions extends LayerOptions {
  /** What the moving mean and variance keep of themselves each step, 0 … 1. Default 0.99. */
  momentum?: number;
  /** Added to the variance, greater than 0. Default 0.001. */
  epsilon?: number;
  /** Whether beta is added; it begins at 0. Default true. */
  center?: boolean;
  /** Whether gamma multiplies; it begins at 1. Default true. */
  scale?: boolean;
  /** Where not, also training takes the moving mean and variance, and changes nothing. Default true. */
  trainable?: boolean;
}

/**
 * y = (x − mean)/√(variance + epsilon)·gamma + beta, for each of the last axis' columns; keeps the shape. While training
 * mean and variance are the batch's, otherwise moving averages of those. Ioffe and Szegedy, ICML 2015; as Keras 3's.
 */
function batchNormalization(options?: BatchNormalizationOptions): LayerConfig {
  const where = 'layers.batchNormalization';
  const keys = ['momentum', 'epsilon', 'center', 'scale', 'trainable', 'name', 'inputShape'] as const;
  const o = closed<BatchNormalizationOptions>(where, options, keys);
  return {
    className: 'BatchNormalization',
    config: {
      ...base(where, o),
      momentum: real(where, 'momentum', o.momentum, 0.99, range.share),
      epsilon: real(where, 'epsilon', o.epsilon, 0.001, range.divisor),
      center: boolean(where, 'center', o.center, true),
      scale: boolean(where, 'scale', o.scale, true),
      ...(!boolean(where, 'trainable', o.trainable, true) && { trainable: false }),
    },
  };
}

/**
 * The same layer, its parameters not trained; for a base that is to stay as it is:
 * `sequential([...base.toJSON().layers.map(layers.frozen), layers.dense(5)])`.
 */
function frozen(layer: LayerConfig): LayerConfig {
  const { className } = layer;
  if (className !== 'Dense' && className !== 'BatchNormalization') return layer;
  return { ...layer, config: { ...layer.config, trainable: false } } as LayerConfig;
}

/** The layers there are: functions that make {@link LayerConfig}s. */
export const layers = { input, rescaling, flatten, dense, activation, dropout, batchNormalization, frozen };
