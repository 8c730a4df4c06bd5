/** What `--resume RUN` goes on from. */
import { isAbsolute, join } from 'node:path';
import { FusorError } from '../../errors';
import { readText } from '../../files/read-text';
import type { Checkpoint } from '../../index';
import { findCheckpoint } from '../../runs/checkpoint-folder';
import { CONFIG_FILE, RunFolder, runFolderOf } from '../../runs/run-folder';
import * as options from '../options';
import type { Output } from '../output';
import { bothGiven, type Resolved } from '../settings';

export interface Resumed {
  folder: RunFolder;
  /** Absent where the run ended before its first: it then begins anew, with its seed. */
  checkpoint?: Checkpoint;
}

/** What makes a run what it is: the problem, not where its data is fetched from. */
type Fixed = keyof typeof options.problem;
const FIXED = (Object.keys(options.problem) as Fixed[]).filter(
  (key) => !['dataDir', 'offline', 'mirror'].includes(key),
);

/**
 * Opens and locks the run folder.
 * @param config of this call, as it would be recorded
 * @throws ERR_ARG for a flag that would make it another run, ERR_LOCKED, ERR_FILE_FORMAT, ERR_CKPT_VERSION, ERR_IO
 */
export async function openRun(
  { settings, origins }: Resolved<typeof options.train>,
  config: Record<string, unknown>,
  out: Output,
): Promise<Resumed | undefined> {
  if (settings.resume === undefined) return undefined;
  for (const key of ['config', 'runDir'] as const) {
    if (settings[key] === undefined) continue;
    const mend = 'leave one of them out: a run that goes on has its own';
    throw bothGiven(origins[key], origins.resume, mend);
  }
  const path = runFolderOf(settings.resume);
  const before = JSON.parse(readText(join(path, CONFIG_FILE)));
  // What a run of before has no word of was as it is by default.
  const was = (key: Fixed) => before[key] ?? options.problem[key].fallback;
  const changed = FIXED.find(
    (key) => JSON.stringify(config[key]) !== JSON.stringify(was(key)) && !hasMoved(was(key), config[key]),
  );
  if (changed !== undefined) {
    throw new FusorError(
      'ERR_ARG',
      [
        `the run has ${changed} ${shown(was(changed))}, not ${shown(config[changed])}`,
        origins[changed],
        changed === 'layers'
          ? 'leave it out, or start a new run'
          : 'leave it out, or start a new run from the model of this one (--model)',
      ],
      { argument: changed },
    );
  }
  const folder = await RunFolder.open(path);
  try {
    const found = await findCheckpoint(settings.resume);
    for (const { message, code } of found?.damaged ?? []) out.note(`warning: ${message} [${code}]`);
    out.note(
      found
        ? `Going on from ${found.file}: ${where(found.checkpoint)}`
        : `Beginning anew: ${path} has no checkpoint yet`,
    );
    const done = found?.checkpoint.epoch ?? 0;
    if (done === settings.epochs)
      out.note(
        `Nothing is left to train: all ${done} epochs are done; to go on say more, e.g. --epochs ${2 * done}`,
      );
    return { folder, checkpoint: found?.checkpoint };
  } catch (error) {
    await folder.release();
    throw error;
  }
}

/** Files may lie elsewhere now: whether the rows are the same is seen when they are read. */
const hasMoved = (before: unknown, now: unknown): boolean =>
  [before, now].every((path) => typeof path === 'string' && isAbsolute(path));

function shown(setting: unknown): string {
  return setting === undefined ? 'by default' : JSON.stringify(setting);
}

function where({ epoch, batch, state }: Checkpoint): string {
  return `step ${state.step}, ${batch} batches into epoch ${epoch + 1}`;
}
