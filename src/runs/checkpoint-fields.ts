/** What of a checkpoint is JSON, and the check of it: a right checksum does not make a file that means us well. */
import type { FusorError } from '../errors';
import { isObject, parseJson } from '../files/json';
import type { Checkpoint } from '../train/checkpoint';

export type Fields = Omit<Checkpoint, 'state' | 'means' | 'history' | 'bestWeights'> & {
  step: number;
  means: Pick<Checkpoint['means'], 'rows'>;
  history: Omit<Checkpoint['history'], 'history' | 'stepLosses' | (typeof LISTS)[number]>;
};
/** With what is kept apart. */
type Read = Omit<Fields, 'history'> & { history: Omit<Checkpoint['history'], 'history' | 'stepLosses'> };

type Check = (value: unknown) => boolean;
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const number: Check = (value) => Number.isFinite(value) && (value as number) >= 0;
const counts: Check = (value) => Array.isArray(value) && value.every(count);
const numbers: Check = (value) => Array.isArray(value) && value.every(number);
/** Of a field that files have not had from the beginning. */
const later =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === null || check(value);
const size: Check = (value) => count(value) && (value as number) > 0;

const FIELDS: Record<string, Check> = {
  step: count,
  epoch: count,
  batch: count,
  epochs: size,
  batchSize: size,
  trainRows: size,
  shuffle: (value) => typeof value === 'boolean',
  bufferRows: later((value) => size(value)),
  classWeight: later((value) => isObject(value) && Object.values(value).every(number)),
  seed: count,
  learningRate: number,
  data: (value) => typeof value === 'string',
  microseconds: number,
  elapsed: number,
  config: isObject,
  plan: isPlan,
  means: (value) => isObject(value) && count(value.rows),
  history: (value) =>
    isObject(value) &&
    counts(value.epoch) &&
    numbers(value.seconds) &&
    counts(value.memoryBytes) &&
    number(value.fitSeconds) &&
    number(value.milliseconds),
};

const HAVE_WEIGHTS = ['dense', 'batchNormalization'];

/** As much as it takes to name the tensors; the whole is compared with the plan of the model that goes on. */
function isPlan(value: unknown): boolean {
  return (
    isObject(value) &&
    isObject(value.optimizer) &&
    ['sgd', 'adam', 'adamw', 'rmsprop'].includes(value.optimizer.kind as string) &&
    Array.isArray(value.metrics) &&
    Array.isArray(value.layers) &&
    value.layers.every(
      (layer) =>
        isObject(layer) && (!HAVE_WEIGHTS.includes(layer.kind as string) || typeof layer.name === 'string'),
    )
  );
}

/** Of each epoch that is done. */
const LISTS = ['epoch', 'seconds', 'memoryBytes'] as const;

/** @param broken the error for what is wrong @param listOf what is kept of each epoch; absent: it is in the text */
export function checkedFields(
  text: string | undefined,
  broken: (what: string) => FusorError,
  listOf?: (name: (typeof LISTS)[number]) => number[],
): Read {
  let fields: unknown;
  try {
    fields = parseJson(Buffer.from(text ?? ''));
  } catch (error) {
    throw broken(`its description is ${(error as Error).message}`);
  }
  if (!isObject(fields)) throw broken('its description is not an object');
  if (listOf && isObject(fields.history)) for (const name of LISTS) fields.history[name] = listOf(name);
  for (const [name, check] of Object.entries(FIELDS))
    if (!check(fields[name])) throw broken(`its ${name} is missing or makes no sense`);
  const known = fields as unknown as Read;
  if (known.batch > Math.ceil(known.trainRows / known.batchSize))
    throw broken(`batch ${known.batch} is beyond its epoch`);
  const { epoch, seconds, memoryBytes } = known.history;
  if (seconds.length !== epoch.length || memoryBytes.length !== epoch.length)
    throw broken('its history makes no sense');
  return known;
}
