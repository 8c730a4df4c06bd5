/** What a run keeps of its data beside its model, so that other data is taken as that was. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isOwnFolder } from '../../data/datasets';
import { isTableSchema } from '../../data/table/schema';
import { FusorError } from '../../errors';
import { readJson } from '../../files/read-json';
import type { TableSchema } from '../../index';
import { CONFIG_FILE, DATA_FILE } from '../../runs/run-folder';

export interface KeptData {
  schema?: TableSchema;
  classNames?: readonly string[];
  /** Of a model that has left its run. */
  missing?: Missing;
}

/** What became of empty cells in training, where they were no error. */
export type Missing = 'mean' | 'drop';

const isMissing = (value: unknown): value is Missing => value === 'mean' || value === 'drop';

/** As the run's file has it: of a table its columns, else the names of the classes, where there are. */
export function keptOf({ schema, classNames }: KeptData): object | undefined {
  return schema ?? (classNames && { classes: classNames });
}

/** Where the run of a model may lie: it is a run's folder, or its model's, or a file of its models or checkpoints. */
const foldersOf = (model: string): string[] => ['.', '..', '../..'].map((up) => join(resolve(model), up));

/** A configuration alone is not a run's: users have theirs. */
const isRun = (folder: string): boolean => existsSync(join(folder, 'environment.json'));

/** Of a run's model: how data is to be taken for it. @throws ERR_IO, ERR_FILE_FORMAT */
export function keptBeside(model: string): KeptData {
  for (const folder of foldersOf(model)) {
    try {
      const kept = keptIn(join(folder, DATA_FILE));
      if (kept) return kept;
    } catch (error) {
      // Around a model that is no run's, other programs may call a file of theirs so.
      if (folder === resolve(model) || isRun(folder)) throw error;
    }
  }
  return {};
}

function keptIn(file: string): KeptData | undefined {
  const kept = readJson(file);
  if (kept === undefined) return undefined;
  const { missing } = Object(kept);
  if (isTableSchema(kept))
    return { schema: kept, classNames: kept.label.classes, ...(isMissing(missing) && { missing }) };
  const { classes } = Object(kept);
  if (Array.isArray(classes) && classes.every((name) => typeof name === 'string'))
    return { classNames: classes };
  const what = 'neither the columns of a table nor names of classes';
  throw new FusorError('ERR_FILE_FORMAT', [what, file, 'take it away, or train anew'], { file });
}

/** A model.json: its model gets new weights, which know nothing of any data. */
export const isConfiguration = (model: string): boolean => /\.json$/i.test(model);

/**
 * How data is to be taken that trains a model further: its inputs and outputs mean what they meant when it was trained.
 * @param run that goes on: what it has kept itself is what it began with
 * @throws ERR_IO, ERR_FILE_FORMAT
 */
export function keptToTrain(model: string | undefined, run?: string): KeptData {
  if (model === undefined || isConfiguration(model)) return {};
  const kept = (run !== undefined && keptIn(join(run, DATA_FILE))) || keptBeside(model);
  // What becomes of empty cells is said anew for other rows.
  const { missing: _, ...taken } = kept;
  return taken;
}

/** What a run's model was trained with; undefined of other models. */
function settingOf(model: string, name: 'data' | 'missing'): string | undefined {
  const run = foldersOf(model).find(isRun);
  const value = run && Object(readJson(join(run, CONFIG_FILE)))[name];
  return typeof value === 'string' ? value : undefined;
}

/**
 * What becomes of empty cells: what is said, else what became of them in training, if the command can do that.
 * @throws ERR_IO, ERR_FILE_FORMAT
 */
export function missingFor<M extends string, K extends Missing>(
  model: string,
  missing: M,
  origin: string,
  possible: readonly K[],
): M | K {
  if (origin !== 'default') return missing;
  const trained = settingOf(model, 'missing') ?? keptBeside(model).missing;
  return possible.find((each) => each === trained) ?? missing;
}

/**
 * What a run's model is tried on where nothing is named: the set that it was trained on.
 * @throws ERR_ARG where that was the user's own data, of which a part trained; ERR_IO, ERR_FILE_FORMAT
 */
export function dataFor(model: string, data: string, origin: string): string {
  const trained = origin === 'default' ? settingOf(model, 'data') : undefined;
  if (trained === undefined) return data;
  if (!isOwnFolder(trained)) return trained;
  throw new FusorError('ERR_ARG', [
    'what to try the model on is not said',
    model,
    `it was trained on ${trained}: name data of that form`,
  ]);
}
