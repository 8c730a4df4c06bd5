import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceOptions, Model } from '../index';
import { loadModel } from '../io/model';
import type { Settings } from './option';
import type { runtime } from './options';

/** The model folder that a path means: itself, or the model of a run folder. */
export function modelFolder(path: string): string {
  const inRun = join(path, 'model');
  return existsSync(join(inRun, 'model.json')) ? inRun : path;
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
