/** A folder of checkpoints: named by their step, so that no clock can mislead. */
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { wrong } from '../arguments';
import { FusorError, isFusorError } from '../errors';
import { ioError, systemCode } from '../files/system-error';
import type { Checkpoint } from '../train/checkpoint';
import { readCheckpoint } from './checkpoint-file';

export const CHECKPOINTS_FOLDER = 'checkpoints';

export interface CheckpointEntry {
  file: string;
  step: number;
  best: boolean;
}

const NAME = /^(step|best)-(\d{1,16})\.safetensors$/;

/** `step-000001200.safetensors`, `best-000001200.safetensors`. */
export function checkpointName(step: number, best: boolean): string {
  return `${best ? 'best' : 'step'}-${String(step).padStart(9, '0')}.safetensors`;
}

/** Those in a folder, the newest first; of the same step the regular one first. [] where there is no folder. */
export async function listCheckpoints(folder: string): Promise<CheckpointEntry[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error))) return [];
    throw ioError(error, 'read the folder', folder);
  }
  return names
    .flatMap((name) => {
      const [, kind, step] = NAME.exec(name) ?? [];
      return kind ? [{ file: join(folder, name), step: Number(step), best: kind === 'best' }] : [];
    })
    .sort((a, b) => b.step - a.step || Number(a.best) - Number(b.best));
}

/**
 * Keeps, after a save at `step`, the `keep` newest regular checkpoints and the newest best one. Those of later steps
 * belong to a training that was given up for an earlier checkpoint. Never fails: old files do no harm.
 */
export async function pruneCheckpoints(folder: string, step: number, keep: number): Promise<void> {
  const entries = await listCheckpoints(folder).catch(() => []);
  const reached = entries.filter((entry) => entry.step <= step);
  const kept = [
    ...reached.filter(({ best }) => !best).slice(0, keep),
    ...reached.filter(({ best }) => best).slice(0, 1),
  ];
  for (const entry of entries)
    if (!kept.includes(entry)) await rm(entry.file, { force: true }).catch(() => {});
}

export interface FoundCheckpoint {
  checkpoint: Checkpoint;
  file: string;
  /** Why newer ones were passed over. */
  damaged: FusorError[];
}

/**
 * The checkpoint that a path means: a file; of a folder of checkpoints, or of a run folder, the newest that is whole.
 * @returns undefined for a folder without any
 * @throws ERR_FILE_FORMAT (naming the one before, where there is one), ERR_CKPT_VERSION, ERR_IO
 */
export async function findCheckpoint(path: string): Promise<FoundCheckpoint | undefined> {
  if (!(await isFolder(path))) return { checkpoint: await readNamed(path), file: path, damaged: [] };
  const inRun = join(path, CHECKPOINTS_FOLDER);
  const entries = await listCheckpoints((await isFolder(inRun)) ? inRun : path);
  const damaged: FusorError[] = [];
  for (const { file } of entries) {
    try {
      return { checkpoint: await readCheckpoint(file), file, damaged };
    } catch (error) {
      // What cannot be read now may be later; a newer fusor's is not damaged.
      if (!isFusorError(error) || ['ERR_IO', 'ERR_CKPT_VERSION'].includes(error.code)) throw error;
      damaged.push(error);
    }
  }
  if (damaged.length > 0) throw damaged[0];
  return undefined;
}

/**
 * Reads a checkpoint, from which `fit(…, { resume })` goes on: weights, optimiser, position, history and what callbacks keep.
 * @param path a file; a folder of them or a run's folder, of which the newest whole one is taken: a warning says which were damaged
 * @throws as {@link findCheckpoint}, and ERR_FILE_FORMAT where there is none
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  const found = await findCheckpoint(path);
  if (!found)
    throw new FusorError('ERR_FILE_FORMAT', ['no checkpoint in it', path, 'train from the beginning'], {
      file: path,
      rule: 'missing',
    });
  for (const { message, code } of found.damaged)
    process.emitWarning(`${message}; going on from ${found.file} instead`, { code });
  return found.checkpoint;
}

/** What fit's `resume` is, where it is no path. @throws ERR_ARG */
export function checkpointOf(resume: unknown): Checkpoint | undefined {
  const { state, plan } = Object(resume) as Partial<Checkpoint>;
  if (resume !== undefined && !(state && plan))
    throw wrong('fit', 'resume', resume, 'a path, or what loadCheckpoint gave');
  return resume as Checkpoint | undefined;
}

/** Names the one before where this one is damaged. */
async function readNamed(file: string): Promise<Checkpoint> {
  try {
    return await readCheckpoint(file);
  } catch (error) {
    if (!(error instanceof FusorError) || error.code === 'ERR_IO' || error.details.rule === 'missing')
      throw error;
    const entries = await listCheckpoints(dirname(file)).catch(() => []);
    const step = Number(NAME.exec(basename(file))?.[2] ?? Number.POSITIVE_INFINITY);
    const before = entries.find((entry) => entry.step < step);
    if (!before) throw error;
    const details = { ...error.details, before: before.file };
    throw new FusorError(error.code, [error.message, '', `the one before is ${before.file}`], details, {
      cause: error,
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error))) return false;
    throw ioError(error, 'read', path);
  }
}
