import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FusorError } from '../errors';
import type { DeviceOptions, Model } from '../index';
import { loadModel, MODEL_FILE } from '../io/model';
import { CONFIG_FILE } from '../runs/run-folder';
import type { Settings } from './option';
import type { runtime } from './options';

/**
 * The model folder that a path means: itself, or the model of a run folder.
 * @throws ERR_FILE_FORMAT for a run that still trains, or ended before its end
 */
export function modelFolder(path: string): string {
  const inRun = join(path, 'model');
  if (existsSync(join(inRun, MODEL_FILE))) return inRun;
  if (!existsSync(join(path, CONFIG_FILE)) || existsSync(join(path, MODEL_FILE))) return path;
  throw new FusorError(
    'ERR_FILE_FORMAT',
    [
      'this run has no model yet',
      path,
      'if it ended without one, fusor train --resume goes on with it; or name one of its checkpoints',
    ],
    { path },
  );
}

/** Loads a model to run where the flags say. */
export function openModel(path: string, settings: RuntimeSettings): Promise<Model> {
  return loadModel(modelFolder(path), whereOf(settings));
}

type RuntimeSettings = Settings<typeof runtime> & { quiet: boolean };

/** The flags that say where to run. */
export function whereOf(settings: RuntimeSettings): DeviceOptions {
  const { backend, device, kernels, precision, threads, tfjsEngine, quiet } = settings;
  return { backend, device, kernels, precision, threads, tfjsEngine, quiet };
}
