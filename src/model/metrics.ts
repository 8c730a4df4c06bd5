import { closed, integer, oneOf, wrong } from '../arguments';
import { FusorError, nearestName } from '../errors';
import { isLogName, LOG_NAME, validationName } from '../train/history';

/** A metric, JSON-safe; which form 'accuracy' takes depends on the loss and is settled in the plan. */
export type MetricConfig =
  | { kind: 'accuracy' | 'meanSquaredError' | 'meanAbsoluteError'; name: string }
  | { kind: 'topK'; name: string; k: number };

const NAMED = {
  accuracy: { kind: 'accuracy', name: 'accuracy' },
  mse: { kind: 'meanSquaredError', name: 'mse' },
  mae: { kind: 'meanAbsoluteError', name: 'mae' },
  topK: { kind: 'topK', name: 'topK', k: 5 },
} as const satisfies Record<string, MetricConfig>;

export type MetricName = keyof typeof NAMED | 'acc' | 'meanSquaredError' | 'meanAbsoluteError';
/** Other names, under which they are logged, too. */
const ALIASES: Partial<Record<MetricName, MetricConfig['kind']>> = {
  acc: 'accuracy',
  meanSquaredError: 'meanSquaredError',
  meanAbsoluteError: 'meanAbsoluteError',
};
const NAMES = Object.keys({ ...NAMED, ...ALIASES }) as MetricName[];

/** Metrics with parameters; the others are given by name. */
export const metrics = {
  /**
   * Share of rows whose class is among the k greatest predictions.
   * @param k from 1, default 5
   * @param options name: what it is logged as, default 'topK'; for use with several k
   * @throws ERR_ARG
   */
  topK(k?: number, options?: { name?: string }): MetricConfig {
    const where = 'metrics.topK';
    const { name = 'topK' } = closed<{ name?: string }>(where, options, ['name']);
    return {
      kind: 'topK',
      name: checkedName(where, name),
      k: integer(where, 'k', k, { min: 1, max: 2 ** 24, fallback: 5 }),
    };
  },
};

function checkedName(where: string, name: unknown): string {
  if (isLogName(name)) return name;
  throw wrong(where, 'name', name, LOG_NAME);
}

/** Of Keras' metrics those that are no means over rows, lest 'AUC' be taken for a slip of 'acc'. */
const NO_MEANS = /^(auc|precision|recall|f1)/i;

function checkedKind(value: unknown): MetricName {
  if ((NAMES as unknown[]).includes(value)) return value as MetricName;
  const near = typeof value === 'string' && !NO_MEANS.test(value) ? nearestName(value, NAMES) : undefined;
  const mend = near ? `did you mean ${near}?` : "compute it in a callback's epochLogs";
  throw wrong('compile', 'a metric', value, `one of ${NAMES.join(', ')}`, mend);
}

/** A checked config of a name or of (possibly foreign) data. */
function metricConfig(value: unknown): MetricConfig {
  if (typeof value !== 'object' || value === null) {
    const name = checkedKind(value);
    const kind = ALIASES[name];
    return kind ? ({ kind, name } as MetricConfig) : { ...NAMED[name as keyof typeof NAMED] };
  }
  const config = closed<MetricConfig & { k?: number }>('compile', value, ['kind', 'name', 'k' as never]);
  if (config.kind === 'topK') return metrics.topK(config.k, { name: config.name });
  const kinds = ['accuracy', 'meanSquaredError', 'meanAbsoluteError'] as const;
  const kind = oneOf('compile', "a metric's kind", config.kind, kinds);
  return { kind, name: checkedName('compile', config.name ?? kind) };
}

/** All metrics of a compile call. @throws ERR_ARG also for two whose logs would have one name, of validation included */
export function metricConfigs(values: unknown = []): MetricConfig[] {
  if (!Array.isArray(values)) throw wrong('compile', 'metrics', values, "an array such as ['accuracy']");
  const configs = values.map(metricConfig);
  const names = ['loss', ...configs.map(({ name }) => name)];
  const logged = names.map(validationName);
  const twice = logged.findIndex((name, i) => logged.indexOf(name) < i);
  if (twice >= 0)
    throw new FusorError('ERR_ARG', [
      `"${names[logged.indexOf(logged[twice])]}" and "${names[twice]}" would both be ${logged[twice]} in the logs`,
      'compile',
      'give a metric another name: metrics.topK(3, { name })',
    ]);
  return configs;
}
