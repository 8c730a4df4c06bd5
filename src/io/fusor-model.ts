/**
 * Our own model on disk: a folder with model.json, for people, and weights.safetensors, which is whole by itself: its
 * metadata holds the configuration, too, and checksums of it and of the tensors.
 */
import { basename, dirname, join } from 'node:path';
import { sha256 } from '../data/digests';
import { FusorError } from '../errors';
import { writeAtomic } from '../files/atomic';
import { containedPath } from '../files/contained-path';
import { refused } from '../files/refused';
import { type Tensor, writeSafetensors } from '../files/safetensors';
import type { ModelConfig } from '../model/types';
import {
  bodyDigest,
  configOf,
  HEAD,
  MODEL_VERSION,
  objectOf,
  readWeightsFile,
  type WeightsFile,
} from './model-files';
import { modelOf, type StoredModel } from './stored-model';
import { checkShapes } from './weights-check';

export const MODEL_FILE = 'model.json';
export const WEIGHTS_FILE = 'weights.safetensors';

/** The weights first: they are whole by themselves, should the power fail between the two. @throws ERR_IO */
export async function writeFusorModel(
  config: ModelConfig,
  tensors: Map<string, Tensor>,
  folder: string,
): Promise<void> {
  await writeFusorWeights(config, tensors, join(folder, WEIGHTS_FILE));
  const json = { ...HEAD, sha256: sha256(JSON.stringify(config)), config };
  await writeAtomic(join(folder, MODEL_FILE), `${JSON.stringify(json, null, 2)}\n`);
}

/** One file that is a whole model. */
export async function writeFusorWeights(
  config: ModelConfig,
  tensors: Map<string, Tensor>,
  file: string,
): Promise<void> {
  const text = JSON.stringify(config);
  const metadata = {
    ...HEAD,
    version: String(MODEL_VERSION),
    config: text,
    configSha256: sha256(text),
    sha256: bodyDigest([...tensors.values()].map(({ data }) => data)),
  };
  await writeAtomic(file, ...writeSafetensors(tensors, metadata));
}

/** @param json of `file`, the folder's model.json */
export async function readFusorModel(json: Record<string, unknown>, file: string): Promise<StoredModel> {
  // Before the weights: what is wrong with a model needs none of them.
  const { config, intact } = configOf(json, file);
  modelOf(config, file);
  // No link to the outside is followed.
  await containedPath(dirname(file), WEIGHTS_FILE, file);
  const weights = await readWeightsFile(join(dirname(file), WEIGHTS_FILE));
  return stored(settled(config, intact, file, weights), file, weights);
}

/** A weights.safetensors by itself. */
export async function readFusorWeights(file: string): Promise<StoredModel> {
  const weights = await readWeightsFile(file);
  if (weights.config === undefined)
    throw refused(
      file,
      'config',
      'these are weights without their model: fusor wrote no configuration into them',
      `put a model.json beside them, name them ${WEIGHTS_FILE} and name the folder`,
    );
  return stored(ownConfig(weights), file, weights);
}

function stored(config: unknown, configFile: string, weights: WeightsFile): StoredModel {
  const { tensors, metadata, file: weightsFile } = weights;
  checkShapes(tensors, weightsFile, modelOf(config, configFile));
  return {
    format: 'fusor',
    config,
    tensors,
    maker: metadata.fusor ? `fusor ${metadata.fusor}` : null,
    configFile,
    weightsFile,
  };
}

/**
 * The configuration of a folder. When model.json is intact but another one than the weights', a save ended between
 * its two files: the weights' own is right. When model.json is not intact, it was edited or damaged.
 */
function settled(config: unknown, intact: boolean, file: string, weights: WeightsFile): unknown {
  if (weights.config === undefined || JSON.stringify(config) === weights.config) return config;
  if (intact) return ownConfig(weights);
  throw new FusorError(
    'ERR_FILE_FORMAT',
    [
      'it was changed since the weights beside it were saved',
      file,
      `undo the change; to train a changed model from new weights, name the file itself (--model ${basename(file)})`,
    ],
    { file, rule: 'config-digest' },
  );
}

function ownConfig({ file, config }: WeightsFile): unknown {
  return objectOf(Buffer.from(config!), file);
}
