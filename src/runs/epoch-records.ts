/** What a run keeps of each epoch, a line of metrics.jsonl, and what is in it. */
import { join } from 'node:path';
import { FusorError } from '../errors';
import { readText } from '../files/read-text';
import { ioError, systemCode } from '../files/system-error';
import { kerasName, validationName } from '../train/history';

export const METRICS_FILE = 'metrics.jsonl';

/** One finished epoch; counted from 0. What was not measured is null. */
export interface EpochRecord {
  epoch: number;
  loss: number;
  accuracy: number | null;
  valLoss: number | null;
  valAccuracy: number | null;
  seconds: number;
  /** Of the process, at the epoch's end. */
  memoryBytes: number;
}

/** What of a record is neither a loss nor a metric. */
export const APART: readonly string[] = ['epoch', 'seconds', 'memoryBytes'];

/** Of a log by its name; null where the record has none. */
export function valueIn(record: EpochRecord, key: string): number | null {
  const value = (record as unknown as Record<string, number | null>)[key];
  return Number.isFinite(value) ? value : null;
}

/** As people say it: valLoss → val loss, learningRate → learning rate. */
export function spaced(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z](?=[a-z])/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** The metrics that records have, by name, with what they are called of validation. */
export function metricsOf(records: readonly EpochRecord[]): { name: string; validation: string }[] {
  const names = namesIn(records).filter((name) => !APART.includes(name));
  const validations = names.map(validationName);
  return names
    .filter((name) => name !== 'loss' && !validations.includes(name))
    .map((name) => ({ name, validation: validationName(name) }));
}

/** Names of which any record has a value: some come later, or no longer. */
function namesIn(records: readonly EpochRecord[]): string[] {
  const names = new Set(records.flatMap((record) => Object.keys(record)));
  return [...names].filter((name) => records.some((record) => valueIn(record, name) !== null));
}

/** What was measured in an epoch, under the names of Keras' CSVLogger. */
export function csvValues({
  epoch: _,
  seconds: __,
  memoryBytes: ___,
  ...values
}: EpochRecord): Record<string, number> {
  const measured = Object.entries(values).filter(([, value]) => Number.isFinite(value)) as [string, number][];
  return Object.fromEntries(measured.map(([key, value]) => [kerasName(key), value]));
}

/** Those of a run folder, also while it trains: a last line that was cut short is left out. @throws ERR_IO, ERR_FILE_FORMAT */
export function readEpochs(folder: string): EpochRecord[] {
  const file = join(folder, METRICS_FILE);
  let text = '';
  try {
    text = readText(file);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw ioError(error, 'read', file);
  }
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, i) => {
    try {
      return JSON.parse(line);
    } catch {
      const parts = ['not JSON', `${file}, line ${i + 1}`, 'the file is damaged'] as const;
      throw new FusorError('ERR_FILE_FORMAT', parts, { path: folder, line: i + 1 });
    }
  });
}
