/** The formats of models there are: told by content on reading, chosen by name on writing. To add one, add its line. */
import { stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { ModelConfig } from '../model/types';
import { isCheckpoint } from './checkpoint-file';
import { modelOfCheckpoint } from './checkpoint-model';
import { MODEL_FILE, readFusorModel, readFusorWeights, writeFusorModel } from './fusor-model';
import { configOf, readJsonFile } from './model-files';
import { refuseByName } from './refused';
import type { Tensor } from './safetensors';
import type { FormatName, StoredModel } from './stored-model';
import { isTfjs, readTfjsConfig, readTfjsModel, writeTfjsModel } from './tfjs/model';

interface Format {
  title: string;
  /** Writes into a folder that is there. */
  write(config: ModelConfig, tensors: Map<string, Tensor>, folder: string): Promise<void>;
}

export const FORMATS: Record<FormatName, Format> = {
  fusor: { title: 'safetensors and a configuration', write: writeFusorModel },
  tfjs: { title: 'LayersModel of TensorFlow.js', write: writeTfjsModel },
};

/**
 * A model with its weights, whatever its format: a folder with a model.json, that file, one weights.safetensors, or a
 * checkpoint.
 * @throws ERR_FILE_FORMAT, ERR_FILE_HEADER, ERR_LAYER_UNKNOWN, ERR_DTYPE_UNSUPPORTED, ERR_PATH_ESCAPE, ERR_IO
 */
export async function readModel(path: string): Promise<StoredModel> {
  refuseByName(path);
  if (extname(path).toLowerCase() === '.safetensors')
    return (await isCheckpoint(path)) ? modelOfCheckpoint(path) : readFusorWeights(path);
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory();
  const file = isFolder === false || basename(path) === MODEL_FILE ? path : join(path, MODEL_FILE);
  const json = await readJsonFile(file);
  return isTfjs(json) ? readTfjsModel(json, file) : readFusorModel(json, file);
}

/** The configuration in a model.json, for new weights. */
export async function readConfig(file: string): Promise<unknown> {
  const json = await readJsonFile(file);
  return isTfjs(json) ? readTfjsConfig(json, file) : configOf(json, file).config;
}
