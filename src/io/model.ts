/**
 * A model on disk: a folder with model.json, for people, and weights.safetensors, which is whole by itself: its
 * metadata holds the configuration, too, and checksums of it and of the tensors.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../data/digests';
import { FusorError } from '../errors';
import type { CompileOptions } from '../model/compile';
import type { Model } from '../model/model';
import { modelFromJSON } from '../model/sequential';
import { version } from '../version';
import { removeStaleTemps, writeAtomic } from './atomic';
import { bodyDigest, readConfigFile, readWeightsFile, type WeightsFile } from './model-files';
import { type Tensor, writeSafetensors } from './safetensors';
import { ioError } from './system-error';
import { checkWeights } from './weights-check';

export const MODEL_FILE = 'model.json';
export const WEIGHTS_FILE = 'weights.safetensors';
export const MODEL_FORMAT = 'fusor.model';
export const MODEL_VERSION = 1;

/**
 * Writes `folder`/model.json and `folder`/weights.safetensors, making the folder; files of an earlier save are
 * replaced only when the new ones are on the disk. Optimiser slots are not part of a model.
 * @throws ERR_NONFINITE_WEIGHTS (a model that could not be loaded again is not saved), ERR_IO
 */
export async function saveModel(model: Model, folder: string): Promise<void> {
  const config = JSON.stringify(model.toJSON());
  const weights = await model.getWeights();
  const tensors = new Map<string, Tensor>(weights.map((weight, i) => [model.weightNames[i], weight]));
  checkWeights(tensors, folder);
  const configSha256 = sha256(config);
  const metadata = {
    format: MODEL_FORMAT,
    version: String(MODEL_VERSION),
    fusor: version,
    config,
    configSha256,
    sha256: bodyDigest([...tensors.values()].map(({ data }) => data)),
  };
  const json = {
    format: MODEL_FORMAT,
    version: MODEL_VERSION,
    fusor: version,
    sha256: configSha256,
    config: JSON.parse(config),
  };
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw ioError(error, 'make the folder', folder);
  }
  await removeStaleTemps(folder);
  // The weights first: they are whole by themselves, should the power fail between the two.
  await writeAtomic(join(folder, WEIGHTS_FILE), ...writeSafetensors(tensors, metadata));
  await writeAtomic(join(folder, MODEL_FILE), `${JSON.stringify(json, null, 2)}\n`);
}

/**
 * Loads what saveModel wrote: a model with its weights, or an error; nothing in between. Runs no code from the files.
 * @param overrides replace parts of the stored compile options; they also say where to run (backend, device, …)
 * @throws ERR_FILE_FORMAT, ERR_FILE_HEADER, ERR_LAYER_UNKNOWN, ERR_DTYPE_UNSUPPORTED, ERR_NONFINITE_WEIGHTS, ERR_IO
 */
export async function loadModel(folder: string, overrides?: Partial<CompileOptions>): Promise<Model> {
  const weights = await readWeightsFile(join(folder, WEIGHTS_FILE));
  const config = await settleConfig(folder, weights);
  const model = modelOf(config, join(folder, MODEL_FILE));
  checkWeights(weights.tensors, weights.file, model);
  const stored = model.toJSON().compile;
  const options = { ...stored, ...overrides };
  if (overrides && options.optimizer && options.loss) model.compile(options as CompileOptions);
  await model.setWeights(
    model.weightNames.map((name) => {
      const { data, shape } = weights.tensors.get(name)!;
      return { data: Float32Array.from(data), shape };
    }),
  );
  return model;
}

/**
 * The configuration of a folder. When model.json is intact but another one than the weights', a save ended between
 * its two files: the weights' own is right. When model.json is not intact, it was edited or damaged.
 */
async function settleConfig(folder: string, weights: WeightsFile): Promise<unknown> {
  const json = await readConfigFile(join(folder, MODEL_FILE));
  if (weights.config === undefined || JSON.stringify(json.config) === weights.config) return json.config;
  if (json.intact) return JSON.parse(weights.config);
  throw new FusorError(
    'ERR_FILE_FORMAT',
    [
      'it was changed since the weights beside it were saved',
      join(folder, MODEL_FILE),
      'undo the change; to train a changed model from new weights, name the file itself (--model model.json)',
    ],
    { file: join(folder, MODEL_FILE), rule: 'config-digest' },
  );
}

/** A model from a model.json, with new weights. @throws ERR_FILE_FORMAT, ERR_LAYER_UNKNOWN, ERR_IO */
export async function loadConfig(file: string): Promise<Model> {
  return modelOf((await readConfigFile(file)).config, file);
}

/** What is wrong with a file is the file's fault, not that of the caller's arguments. */
function modelOf(config: unknown, file: string): Model {
  try {
    return modelFromJSON(config);
  } catch (error) {
    if (!(error instanceof FusorError)) throw error;
    const code = error.code === 'ERR_LAYER_UNKNOWN' ? error.code : 'ERR_FILE_FORMAT';
    throw new FusorError(code, [error.message, file], { ...error.details, file }, { cause: error });
  }
}
