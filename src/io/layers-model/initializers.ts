/** Initialisers of Dense layers ↔ those of TensorFlow.js and Keras. */
import { type InitializerConfig, type Initials, SCALED, type ScaledKind } from '../../model/initializers';
import type { Json } from './json';

/** Their names of ours, and what they say where ours says nothing. */
const KEYS = {
  kernel_initializer: ['kernelInitializer', 'glorotUniform'],
  bias_initializer: ['biasInitializer', 0],
} as const;

const KINDS = Object.keys(SCALED) as ScaledKind[];

/** 'glorot_uniform', 'LeCunNormal' and 'lecunNormal' are one. */
const plain = (name: unknown) => String(name).replaceAll('_', '').toLowerCase();

/** What fusor has, but the defaults. The others are left out: the weights that come along do not depend on them. */
export function readInitializers(config: Json): Json {
  const entries = Object.entries(KEYS).flatMap(([key, [ours, usual]]) => {
    const found = readInitializer(config[key]);
    const said = found && (found.kind === 'constant' ? found.value : found.kind) !== usual;
    return said ? [[ours, found]] : [];
  });
  return Object.fromEntries(entries);
}

/** Of 'he_normal', or { class_name, config }. */
function readInitializer(given: unknown): InitializerConfig | undefined {
  const { class_name: name = given, config } = (given ?? {}) as {
    class_name?: unknown;
    config?: Json | null;
  };
  const constant = { zeros: 0, ones: 1, constant: config?.value }[plain(name)];
  if (typeof constant === 'number') return { kind: 'constant', value: constant };
  const scaled = plain(name) === 'variancescaling';
  const kind = KINDS.find((one) => (scaled ? isScaled(one, config ?? {}) : plain(one) === plain(name)));
  return kind && { kind };
}

function isScaled(kind: ScaledKind, config: Json): boolean {
  const { scale, mode, distribution } = SCALED[kind];
  // TensorFlow.js' 'normal' is Keras' 'truncated_normal'.
  const shape = plain(config.distribution).replace(/^truncated/, '');
  return config.scale === scale && plain(config.mode) === plain(mode) && shape === distribution;
}

/**
 * @param object makes {class_name, config}, with what else the format has there
 * @param scaled the same of what is drawn
 */
export function writeInitializers(
  { kernelInitializer, biasInitializer }: Initials,
  object: (className: string, config: Json) => Json,
  scaled: (kind: ScaledKind) => Json,
): Json {
  const written = (config: InitializerConfig): Json => {
    if (config.kind !== 'constant') return scaled(config.kind);
    return config.value === 0 ? object('Zeros', {}) : object('Constant', { value: config.value });
  };
  return {
    kernel_initializer: written(kernelInitializer ?? { kind: 'glorotUniform' }),
    bias_initializer: written(biasInitializer ?? { kind: 'constant', value: 0 }),
  };
}
