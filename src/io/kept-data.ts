/** How data is taken for a model, kept beside it in data.json, so that other data is taken as that was which trained it. */
import { existsSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isTableSchema, type TableSchema } from '../data/table/schema';
import { FusorError } from '../errors';
import { writeAtomic } from '../files/atomic';
import { readJson } from '../files/read-json';
import { ioError } from '../files/system-error';
import { CONFIG_FILE, DATA_FILE, ENVIRONMENT_FILE } from '../runs/run-folder';

/** What of data has a meaning for other data. What `datasets.open` gives is one. */
export interface KeptData {
  /** Of a table. */
  schema?: TableSchema;
  /** In the order of the outputs. */
  classNames?: readonly string[];
}

/** What became of empty cells in training, where they were no error. */
export type Missing = 'mean' | 'drop';

const isMissing = (value: unknown): value is Missing => value === 'mean' || value === 'drop';

/** As the file has it: of a table its columns, else the names of the classes, where there are. */
export function keptOf({ schema, classNames }: KeptData): object | undefined {
  return schema ?? (classNames && { classes: classNames });
}

/** Where the run of a model may lie: it is a run's folder, or its model's, or a file of its models or checkpoints. */
const foldersOf = (model: string): string[] => ['.', '..', '../..'].map((up) => join(resolve(model), up));

/** A configuration alone is not a run's: users have theirs. */
const isRun = (folder: string): boolean => existsSync(join(folder, ENVIRONMENT_FILE));

/** How data is to be taken for a model, by what lies in its folder or its run's. @throws ERR_IO, ERR_FILE_FORMAT */
export function keptBeside(model: string): KeptData & { missing?: Missing } {
  for (const folder of foldersOf(model)) {
    try {
      const kept = keptIn(folder);
      if (kept) return kept;
    } catch (error) {
      // Around a model that is no run's, other programs may call a file of theirs so.
      if (folder === resolve(model) || isRun(folder)) throw error;
    }
  }
  return {};
}

/** @throws ERR_IO, ERR_FILE_FORMAT where the folder's file is not ours */
export function keptIn(folder: string): (KeptData & { missing?: Missing }) | undefined {
  const file = join(folder, DATA_FILE);
  const kept = readJson(file);
  if (kept === undefined) return undefined;
  const { missing, classes } = Object(kept);
  if (isTableSchema(kept))
    return { schema: kept, classNames: kept.label.classes, ...(isMissing(missing) && { missing }) };
  if (Array.isArray(classes) && classes.every((name) => typeof name === 'string'))
    return { classNames: classes };
  const what = 'neither the columns of a table nor names of classes';
  throw new FusorError('ERR_FILE_FORMAT', [what, file, 'take it away, or train anew'], { file });
}

/** What became of empty cells when the model was trained, as far as it is known. @throws ERR_IO, ERR_FILE_FORMAT */
export function missingOf(model: string): Missing | undefined {
  const missing = settingOf(model, 'missing');
  return isMissing(missing) ? missing : keptBeside(model).missing;
}

/** What a run's model was trained with; undefined of other models. */
export function settingOf(model: string, name: 'data' | 'missing'): string | undefined {
  const run = foldersOf(model).find(isRun);
  const value = run && Object(readJson(join(run, CONFIG_FILE)))[name];
  return typeof value === 'string' ? value : undefined;
}

/** Of a model that is replaced: what was kept for it would be wrong of the next. That of a run is the run's. @throws ERR_IO */
export async function dropKept(folder: string): Promise<void> {
  if (isRun(folder)) return;
  try {
    if (!keptIn(folder)) return;
  } catch {
    return;
  }
  const file = join(folder, DATA_FILE);
  await rm(file, { force: true }).catch((error) => {
    throw ioError(error, 'remove', file);
  });
}

/** @throws ERR_IO */
export async function writeKept(folder: string, kept: KeptData, missing?: Missing): Promise<void> {
  const content = { ...keptOf(kept), ...(kept.schema && missing && { missing }) };
  await writeAtomic(join(folder, DATA_FILE), `${JSON.stringify(content, null, 2)}\n`);
}

/**
 * What was kept for a model goes with it, where it goes into a folder.
 * @returns what was left out: one file has no place for it
 */
export async function carryKept(model: string, destination: string): Promise<string[]> {
  const kept = keptBeside(model);
  if (!keptOf(kept)) return [];
  if ((await stat(destination)).isDirectory()) {
    await writeKept(destination, kept, missingOf(model));
    return [];
  }
  const { schema, classNames } = kept;
  const parts = [
    schema && (schema.scale === 'standard' ? 'how the columns were standardised' : 'what the columns became'),
    classNames && 'the names of the classes',
  ];
  return [`${parts.filter(Boolean).join(', and ')}: it has no place for them`];
}
