/**
 * Keras 3: NAME.keras, a zip archive of metadata.json, config.json and model.weights.h5, and NAME.weights.h5, the last alone.
 * Format: https://github.com/keras-team/keras, keras/src/saving/saving_lib.py.
 */

import { writeAtomic } from '../../files/atomic';
import { readWhole } from '../../files/read-file';
import { refused } from '../../files/refused';
import type { Tensor } from '../../files/safetensors';
import { unzip, zip } from '../../files/zip';
import { layoutOf } from '../../model/layout';
import type { Model } from '../../model/model';
import type { ModelConfig } from '../../model/types';
import { version } from '../../version';
import { missing, objectOf } from '../model-files';
import { modelOf, type StoredModel } from '../stored-model';
import { checkShapes } from '../weights-check';
import { kerasJson, kerasUnread, readKerasConfig, writeKerasConfig } from './config';
import { type Hdf5, hdf5 } from './hdf5';
import { tensorsOf, writeWeights } from './weights';

const CONFIG = 'config.json';
const METADATA = 'metadata.json';
const WEIGHTS = 'model.weights.h5';

/** The version whose form of files this is; any Keras 3 reads it. */
const KERAS_VERSION = '3.15.1';

const bytesOf = (file: string) => readWhole(file, missing(file, 'check the path'));

export interface KerasArchive {
  config: ModelConfig;
  model: Model;
  weights: Uint8Array;
  leftOut: string[];
  maker: string | null;
}

/** All but the weights' values. @throws ERR_FILE_FORMAT, ERR_LAYER_UNKNOWN */
export function readArchive(bytes: Uint8Array, file: string): KerasArchive {
  const members = unzip(bytes, file, (name) => [CONFIG, METADATA, WEIGHTS].includes(name));
  const member = (name: string): Uint8Array => {
    const found = members.get(name);
    if (found) return found;
    throw refused(file, 'member', `there is no ${name} in it`, 'name an archive that Keras 3 saved');
  };
  const json = objectOf(member(CONFIG), file);
  if (json.module === undefined || json.config === undefined)
    throw refused(file, 'config', `its ${CONFIG} is not of Keras 3`, 'save it with Keras 3');
  const config = readKerasConfig(json, file);
  const { keras_version: keras, fusor_version: own } = members.has(METADATA)
    ? objectOf(member(METADATA), file)
    : {};
  const maker = [own && ['fusor', own], keras && ['Keras', keras]].find(Boolean) as string[] | undefined;
  return {
    config,
    model: modelOf(config, file),
    weights: member(WEIGHTS),
    leftOut: kerasUnread(json, config),
    maker: maker ? `${maker[0]} ${String(maker[1]).slice(0, 60)}` : null,
  };
}

export async function readKerasModel(file: string): Promise<StoredModel> {
  const { config, model, weights, leftOut, maker } = readArchive(await bytesOf(file), file);
  const tensors = await readWeights(hdf5, weights, model, file);
  return { format: 'keras', config, tensors, leftOut, maker, configFile: file, weightsFile: file };
}

export async function readWeights(
  reader: Hdf5,
  bytes: Uint8Array,
  model: Model,
  file: string,
): Promise<Map<string, Tensor>> {
  const tensors = tensorsOf(await reader.read(bytes, file), model);
  checkShapes(tensors, file, model);
  return tensors;
}

/** The weights of a NAME.weights.h5, for a model that is there. @throws ERR_FILE_FORMAT, ERR_IO */
export async function readKerasWeights(file: string, model: Model): Promise<Map<string, Tensor>> {
  const bytes = await bytesOf(file);
  return readWeights(hdf5, bytes, model, file);
}

/** One file, whole or not there. @throws ERR_IO */
export async function writeKerasModel(
  config: ModelConfig,
  tensors: Map<string, Tensor>,
  file: string,
): Promise<void> {
  const model = modelOf(config, file);
  const shapes = layoutOf(config.layers).layers.map(({ inputShape }) => inputShape);
  const text = (json: unknown) => Buffer.from(JSON.stringify(json));
  const saved = new Date().toISOString().slice(0, 19).replace('T', '@');
  const bytes = zip({
    [METADATA]: text({ keras_version: KERAS_VERSION, date_saved: saved, fusor_version: version }),
    [CONFIG]: Buffer.from(kerasJson(writeKerasConfig(config, shapes))),
    [WEIGHTS]: await writeWeights(model, tensors, file),
  });
  await writeAtomic(file, bytes);
}

export async function writeKerasWeights(
  config: ModelConfig,
  tensors: Map<string, Tensor>,
  file: string,
): Promise<void> {
  const model = modelOf(config, file);
  await writeAtomic(file, await writeWeights(model, tensors, file));
}
