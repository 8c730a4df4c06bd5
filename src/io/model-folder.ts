/** Where the model of a folder lies: in it, or, of a run's folder, in its model/. */
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { refused } from '../files/refused';
import { ioError, systemCode } from '../files/system-error';
import { CHECKPOINTS_FOLDER } from '../runs/checkpoint-folder';
import { CONFIG_FILE, MODEL_FOLDER } from '../runs/run-folder';
import { MODEL_FILE } from './fusor-model';

/**
 * The model folder that a path means: itself, or the model of a run folder.
 * @throws ERR_FILE_FORMAT for a run that still trains, or ended before its end; ERR_IO where it may not be looked at
 */
export function modelFolder(path: string): string {
  // First: what somebody saved into a run's folder is what they mean by it.
  if (isThere(join(path, MODEL_FILE))) return path;
  const inRun = join(path, MODEL_FOLDER);
  if (isThere(join(inRun, MODEL_FILE))) return inRun;
  if (basename(path) === CHECKPOINTS_FOLDER && isThere(join(path, '..', CONFIG_FILE)))
    throw refused(path, 'missing', 'these are checkpoints', 'name one of them, or the run');
  if (!isThere(join(path, CONFIG_FILE))) return path;
  throw refused(
    path,
    'missing',
    'this run has no model yet',
    'it comes when training ends; of one that was ended before, name a checkpoint, or go on: npx fusor train --resume',
  );
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return false;
    throw ioError(error, 'read', path);
  }
}
