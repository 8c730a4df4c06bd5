/** What the parameters of a Dense layer are before training. */
import { closed, oneOf, range, real, wrong } from '../arguments';
import type { Parameter } from '../backend/contract';
import { truncatedNormal, uniform } from '../random';
import { elements } from '../shape';

/** Of the variance scale / fan, where fan is the number of inputs, or the mean of those of inputs and outputs. Normals end at two deviations. */
export const SCALED = {
  glorotUniform: { scale: 1, mode: 'fan_avg', distribution: 'uniform' },
  glorotNormal: { scale: 1, mode: 'fan_avg', distribution: 'normal' },
  heUniform: { scale: 2, mode: 'fan_in', distribution: 'uniform' },
  heNormal: { scale: 2, mode: 'fan_in', distribution: 'normal' },
  lecunUniform: { scale: 1, mode: 'fan_in', distribution: 'uniform' },
  lecunNormal: { scale: 1, mode: 'fan_in', distribution: 'normal' },
} as const;
export type ScaledKind = keyof typeof SCALED;
const KINDS = Object.keys(SCALED) as ScaledKind[];

/** An initialiser, JSON-safe. */
export type InitializerConfig = { kind: ScaledKind } | { kind: 'constant'; value: number };

/** What a Dense layer's parameters begin with; absent: glorot-uniform kernels, zero biases. */
export interface Initials {
  kernelInitializer?: InitializerConfig;
  biasInitializer?: InitializerConfig;
}

/** The initialisers there are; those without an argument also go by their name, as 'heNormal'. All but constant are drawn by the seed. */
export const initializers = {
  /** Uniform, of the variance 2 / (inputs + outputs): the default of kernels. */
  glorotUniform: (): InitializerConfig => ({ kind: 'glorotUniform' }),
  /** Normal, as far as two deviations, of the variance 2 / (inputs + outputs). */
  glorotNormal: (): InitializerConfig => ({ kind: 'glorotNormal' }),
  /** Uniform, of the variance 2 / inputs: for relu. */
  heUniform: (): InitializerConfig => ({ kind: 'heUniform' }),
  /** Normal, as far as two deviations, of the variance 2 / inputs: for relu. */
  heNormal: (): InitializerConfig => ({ kind: 'heNormal' }),
  /** Uniform, of the variance 1 / inputs. */
  lecunUniform: (): InitializerConfig => ({ kind: 'lecunUniform' }),
  /** Normal, as far as two deviations, of the variance 1 / inputs. */
  lecunNormal: (): InitializerConfig => ({ kind: 'lecunNormal' }),
  /** The default of biases. */
  zeros: (): InitializerConfig => ({ kind: 'constant', value: 0 }),
  ones: (): InitializerConfig => ({ kind: 'constant', value: 1 }),
  /** One number for all: of a last layer's bias what the net says before it has learned. @throws ERR_ARG */
  constant: (value: number): InitializerConfig => ({
    kind: 'constant',
    value: real('initializers.constant', 'value', value, undefined, range.any),
  }),
};

export type InitializerName = Exclude<keyof typeof initializers, 'constant'>;
const NAMES = Object.keys(initializers).filter((name) => name !== 'constant') as InitializerName[];

/** A checked config of a name or of (possibly foreign) data; nothing where it says nothing. */
export function initializerConfig(
  where: string,
  name: string,
  value: unknown,
): InitializerConfig | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return initializers[oneOf(where, name, value, NAMES)]();
  if (typeof value !== 'object' || value === null)
    throw wrong(where, name, value, `one of ${NAMES.join(', ')}, or initializers.constant(value)`);
  const config = closed<{ kind: InitializerConfig['kind']; value?: number }>(`${where}, ${name}`, value, [
    'kind',
    'value',
  ]);
  const kind = oneOf(where, `${name}.kind`, config.kind, [...KINDS, 'constant'] as const);
  if (kind !== 'constant') return { kind };
  return { kind, value: real(where, `${name}.value`, config.value, undefined, range.any) };
}

/** Of each parameter that has one of its own, by 'layer/kind'. */
export type Initializers = ReadonlyMap<string, InitializerConfig>;

/** A parameter's first values, drawn from `stream`. A bias has as many inputs as outputs, as in Keras. */
export function drawn(
  config: InitializerConfig,
  shape: Parameter['shape'],
  seed: number,
  stream: number,
): Float32Array {
  const count = elements(shape);
  if (config.kind === 'constant') return new Float32Array(count).fill(config.value);
  const { scale, mode, distribution } = SCALED[config.kind];
  const [inputs, outputs = inputs] = shape as readonly number[];
  const fan = mode === 'fan_in' ? inputs : (inputs + outputs) / 2;
  return distribution === 'uniform'
    ? uniform(count, Math.sqrt((3 * scale) / fan), seed, stream)
    : truncatedNormal(count, Math.sqrt(scale / fan), seed, stream);
}
