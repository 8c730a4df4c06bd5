/** config.json of a .keras archive ↔ our configuration. What layers there are is what TensorFlow.js took from Keras. */
import type { LayerConfig } from '../../model/layers';
import type { OptimizerConfig } from '../../model/optimizers';
import type { ModelConfig } from '../../model/types';
import { renamed } from '../layers-model/activations';
import { writeInitializers } from '../layers-model/initializers';
import type { Json } from '../layers-model/json';
import { writeRestraints } from '../layers-model/restraints';
import { readTopology } from '../layers-model/topology';
import { compiled, LOSSES, unreadOf } from '../layers-model/training';
import { readKerasMetric, writeKerasMetric } from './metrics';

/** @throws ERR_LAYER_UNKNOWN, ERR_FILE_FORMAT */
export function readKerasConfig(json: Json, file: string): ModelConfig {
  const bare = readTopology(json, file, 'config.json');
  const given = json.compile_config as Json | null | undefined;
  return compiled(bare, given && { ...given, optimizer_config: given.optimizer }, readKerasMetric);
}

/** What a config.json says of its training that is not in what it was read as. */
export function kerasUnread(json: Json, config: ModelConfig): string[] {
  return unreadOf(json.compile_config, config, readKerasMetric);
}

/** As keras.saving writes it. @param shapes of each layer's input */
export function writeKerasConfig(config: ModelConfig, shapes: readonly (readonly number[])[]): Json {
  const { name, layers, compile } = config;
  const shape = [null, ...shapes[0]];
  const input = object('keras.layers', 'InputLayer', {
    batch_shape: shape,
    dtype: 'float32',
    name: freeName(layers),
  });
  const all = [input, ...layers.map((layer, i) => writeLayer(layer, shapes[i]))];
  return {
    ...object('keras', 'Sequential', {
      name,
      trainable: true,
      dtype: 'float32',
      layers: all,
      build_input_shape: shape,
    }),
    build_config: { input_shape: shape },
    ...(compile && { compile_config: writeCompile(compile) }),
  };
}

/** 'input_layer', 'input_layer_1', …: the first that no layer has, as Keras. */
function freeName(layers: readonly LayerConfig[]): string {
  const taken = layers.map(({ config }) => config.name);
  let name = 'input_layer';
  for (let n = 1; taken.includes(name); n++) name = `input_layer_${n}`;
  return name;
}

function object(module: string, className: string, config: Json): Json {
  return { module, class_name: className, config, registered_name: null };
}

function writeLayer(given: LayerConfig, inputShape: readonly number[]): Json {
  const { className, config } = renamed(given, 'negative_slope', { leakyRelu: 'leaky_relu' });
  const {
    name,
    inputShape: _,
    trainable = true,
    ...own
  } = config as { name: string; inputShape?: number[]; trainable?: false } & Json;
  const layer = object('keras.layers', className, {
    name,
    trainable,
    dtype: 'float32',
    ...written(className, own),
  });
  return { ...layer, build_config: { input_shape: [null, ...inputShape] } };
}

function written(className: string, own: Json): Json {
  if (className === 'Flatten') return { data_format: 'channels_last' };
  if (className === 'Dropout') return { ...own, seed: null, noise_shape: null };
  if (className === 'BatchNormalization')
    return { axis: -1, ...own, momentum: float(own.momentum as number) };
  if (className !== 'Dense') return own;
  const { units, activation, useBias } = own as { units: number; activation: string; useBias: boolean };
  return {
    units,
    activation,
    use_bias: useBias,
    ...writeInitializers(
      own,
      (name, config) => object('keras.initializers', name, config),
      (kind) => object('keras.initializers', kind[0].toUpperCase() + kind.slice(1), { seed: null }),
    ),
    ...writeRestraints(own, (module, name, config) => object(`keras.${module}`, name, config)),
  };
}

function writeCompile({ optimizer, loss, metrics }: NonNullable<ModelConfig['compile']>): Json {
  const name = Object.entries(LOSSES).find(([, ours]) => ours === loss.kind)![0];
  const className = name.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());
  const { fromLogits, labelSmoothing, delta } = loss;
  const options = {
    ...(fromLogits && { from_logits: true }),
    ...(labelSmoothing !== undefined && { label_smoothing: labelSmoothing }),
    ...(delta !== undefined && { delta: float(delta) }),
  };
  return {
    optimizer: writeOptimizer(optimizer),
    loss: Object.keys(options).length > 0 ? object('keras.losses', className, options) : name,
    loss_weights: null,
    metrics: metrics.flatMap((metric) => writeKerasMetric(metric, loss) ?? []),
    weighted_metrics: null,
    run_eagerly: false,
    steps_per_execution: 1,
    jit_compile: false,
  };
}

function writeOptimizer(o: OptimizerConfig): Json {
  const common = {
    learning_rate: float(o.learningRate),
    ...(o.clipNorm !== undefined && { global_clipnorm: float(o.clipNorm) }),
    ...(o.gradientAccumulationSteps !== undefined && {
      gradient_accumulation_steps: o.gradientAccumulationSteps,
    }),
  };
  const of = (className: string, config: Json) =>
    object('keras.optimizers', className, { ...common, ...config });
  switch (o.kind) {
    case 'sgd':
      return of('SGD', { momentum: float(o.momentum), nesterov: o.nesterov });
    case 'rmsprop':
      return of('RMSprop', {
        rho: float(o.rho),
        momentum: float(0),
        epsilon: float(o.epsilon),
        centered: false,
      });
    case 'adam':
      return of('Adam', { beta_1: float(o.beta1), beta_2: float(o.beta2), epsilon: float(o.epsilon) });
    case 'adamw':
      return of('AdamW', {
        beta_1: float(o.beta1),
        beta_2: float(o.beta2),
        epsilon: float(o.epsilon),
        weight_decay: float(o.weightDecay),
      });
  }
}

/** Keras asks whether a number is Python's float, which 0 and 1 are not in JSON: marked, for {@link kerasJson}. */
function float(value: number): number | string {
  return Number.isSafeInteger(value) ? `${FLOAT}${value}.0` : value;
}

/** No name has it: layers' names are words. */
const FLOAT = '\u0001';

export function kerasJson(config: Json): string {
  return JSON.stringify(config).replace(/"\\u0001(-?\d+\.0)"/g, '$1');
}

/** What of a training Keras has no place for. */
export function kerasLeavesOut({ loss, metrics }: NonNullable<ModelConfig['compile']>): string[] {
  return metrics
    .filter((metric) => !writeKerasMetric(metric, loss))
    .map(({ name }) => `the metric ${name} of logits`);
}
