import { closed, reading, seedOf } from '../arguments';
import { checkedDevice, type DeviceOptions } from '../backend/request';
import { type LossConfig, type LossName, lossConfig } from './losses';
import { type MetricConfig, type MetricName, metricConfigs } from './metrics';
import { type OptimizerConfig, type OptimizerName, optimizerConfig } from './optimizers';

/** What a model is trained by, JSON-safe; the device is not part of it: a model runs wherever it is loaded. */
export interface TrainingConfig {
  optimizer: OptimizerConfig;
  loss: LossConfig;
  metrics: MetricConfig[];
  seed?: number;
}

export interface CompileOptions extends DeviceOptions {
  optimizer: OptimizerName | OptimizerConfig;
  loss: LossName | LossConfig;
  /** Default []. */
  metrics?: readonly (MetricName | MetricConfig)[];
  /** Default of fit's seed: an integer in [0, 2⁵³). */
  seed?: number;
}

export const DEVICE_KEYS: (keyof DeviceOptions)[] = [
  'backend',
  'device',
  'kernels',
  'precision',
  'threads',
  'tfjsEngine',
  'quiet',
];

export const COMPILE_KEYS: (keyof CompileOptions)[] = [
  'optimizer',
  'loss',
  'metrics',
  'seed',
  ...DEVICE_KEYS,
];

/** Splits compile options into what is trained and where; whether there is such a device is seen when one is chosen. */
export function compileConfig(options: unknown): { training: TrainingConfig; where: DeviceOptions } {
  const { optimizer, loss, metrics, seed, ...where } = closed<CompileOptions>(
    'compile',
    options ?? null,
    COMPILE_KEYS,
  );
  const training = reading(
    'compile',
    (): TrainingConfig => ({
      optimizer: optimizerConfig(optimizer),
      loss: lossConfig(loss),
      metrics: metricConfigs(metrics),
    }),
  );
  const checked = seedOf('compile', seed);
  if (checked !== undefined) training.seed = checked;
  return { training, where: checkedDevice('compile', where) };
}
