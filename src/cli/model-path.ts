import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CompileOptions, Model } from '../index';
import { loadModel } from '../io/model';
import type { Settings } from './option';
import type { runtime } from './options';

/** The model folder that a path means: itself, or the model of a run folder. */
export function modelFolder(path: string): string {
  const inRun = join(path, 'model');
  return existsSync(join(inRun, 'model.json')) ? inRun : path;
}

/** Loads a model to run where the flags say. */
export function openModel(
  path: string,
  settings: Settings<typeof runtime> & { quiet: boolean },
): Promise<Model> {
  const { backend, device, kernels, precision, threads, tfjsEngine, quiet } = settings;
  const where: Partial<CompileOptions> = { backend, device, kernels, precision, threads, tfjsEngine, quiet };
  return loadModel(modelFolder(path), where);
}
