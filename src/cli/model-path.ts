import type { DeviceOptions, Model } from '../index';
import { loadModel } from '../io/model';
import type { Settings } from './option';
import type { runtime } from './options';

/** Loads a model to run where the flags say. */
export function openModel(path: string, settings: RuntimeSettings): Promise<Model> {
  return loadModel(path, whereOf(settings));
}

type RuntimeSettings = Settings<typeof runtime> & { quiet: boolean };

/** The flags that say where to run. */
export function whereOf(settings: RuntimeSettings): DeviceOptions {
  const { backend, device, kernels, precision, threads, tfjsEngine, quiet } = settings;
  return { backend, device, kernels, precision, threads, tfjsEngine, quiet };
}
