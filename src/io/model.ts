/** Models to disk and back, in any of the formats. */

import { dirname } from 'node:path';
import { closed, oneOf, text, wrong } from '../arguments';
import { isTableSchema } from '../data/table/schema';
import { removeStaleTemps } from '../files/atomic';
import { makeFolders } from '../files/make-folders';
import type { Tensor } from '../files/safetensors';
import { ioError } from '../files/system-error';
import { COMPILE_KEYS, type CompileOptions } from '../model/compile';
import { Model } from '../model/model';
import { FORMAT_NAMES, readConfig, readModel, writerOf } from './formats';
import { dropKept, type KeptData, writeKept } from './kept-data';
import { readKerasWeights } from './keras/model';
import { type FormatName, modelOf } from './stored-model';
import { checkWeights } from './weights-check';

export interface SaveOptions {
  /**
   * Default: by the name, x.keras, x.weights.h5, x.onnx, x.npz or x.safetensors; for any other name a folder of
   * 'fusor', model.json and weights.safetensors. 'tfjs': a folder with model.json and weights.bin, which
   * tf.loadLayersModel opens; what has no counterpart there is left out: adamw, clipNorm,
   * gradientAccumulationSteps, topK, losses from logits.
   */
  format?: FormatName;
  /**
   * What `datasets.open` gave, of which columns and names of classes are written to data.json in the folder: `fusor predict`, `serve`
   * and `evaluate` take other data so, too. Default: nothing is known of the data.
   */
  data?: KeptData;
}

/**
 * Writes a model to `path`, a folder, which it makes, or a file; files of an earlier save are replaced only when the new ones are on the
 * disk. Optimiser slots are not part of a model.
 * @throws ERR_ARG, ERR_NONFINITE_WEIGHTS (a model that could not be loaded again is not saved), ERR_IO
 */
export async function saveModel(model: Model, path: string, options?: SaveOptions): Promise<void> {
  const { format, data } = closed<SaveOptions>('saveModel', options, ['format', 'data']);
  const wanted = format === undefined ? undefined : oneOf('saveModel', 'format', format, FORMAT_NAMES);
  if (!(model instanceof Model)) throw wrong('saveModel', 'model', model, 'made by sequential or loadModel');
  const { write, asFile } = writerOf('saveModel', text('saveModel', 'path', path), wanted);
  const kept = data === undefined ? undefined : keptData(data, asFile);
  const config = model.toJSON();
  const weights = await model.getWeights();
  const names = model.weightNames;
  const tensors = new Map<string, Tensor>(weights.map((weight, i) => [names[i], weight]));
  checkWeights(tensors, path);
  await makeFolder(asFile ? dirname(path) : path);
  if (!asFile) await dropKept(path);
  await write(config, tensors, path);
  if (kept) await writeKept(path, kept);
}

/** @throws ERR_ARG */
function keptData(data: unknown, asFile: boolean): KeptData {
  const { schema, classNames } = Object(data);
  const isNames = Array.isArray(classNames) && classNames.every((name) => typeof name === 'string');
  if (!(schema === undefined ? isNames : isTableSchema(schema)))
    throw wrong('saveModel', 'data', data, 'what datasets.open gave, with a schema or classNames');
  if (asFile)
    throw wrong('saveModel', 'data', data, 'left out: one file has no place for it', 'name a folder');
  return { schema, classNames };
}

/**
 * Loads the weights of a NAME.weights.h5 into a model of the same layers; the optimiser's state stays. All or nothing.
 * @throws ERR_FILE_FORMAT, ERR_NONFINITE_WEIGHTS, ERR_IO
 */
export async function loadWeights(model: Model, path: string): Promise<void> {
  const where = 'loadWeights';
  if (!(model instanceof Model)) throw wrong(where, 'model', model, 'made by sequential or loadModel');
  if (!/\.weights\.h5$/i.test(text(where, 'path', path)))
    throw wrong(where, 'path', path, 'a NAME.weights.h5');
  const tensors = await readKerasWeights(path, model);
  checkWeights(tensors, path);
  await model.setWeights(model.weightNames.map((name) => tensors.get(name)!));
}

export async function makeFolder(folder: string): Promise<void> {
  try {
    makeFolders(folder);
  } catch (error) {
    throw ioError(error, 'make the folder', folder);
  }
  await removeStaleTemps(folder);
}

/**
 * Loads what saveModel wrote (but ONNX), tf.LayersModel.save, or Keras 3's model.save('x.keras'): a model with its weights, or an error; nothing in between. Runs
 * no code from the files, opens none outside the folder, fetches nothing.
 * @param path the folder, its model.json, the folder of a run, a file of saveModel, or a checkpoint of modelCheckpoint
 * @param overrides replace parts of the stored compile options; they also say where to run (backend, device, …)
 * @throws ERR_FILE_FORMAT, ERR_FILE_HEADER, ERR_LAYER_UNKNOWN, ERR_DTYPE_UNSUPPORTED, ERR_NONFINITE_WEIGHTS,
 *   ERR_PATH_ESCAPE, ERR_IO
 */
export async function loadModel(path: string, overrides?: Partial<CompileOptions>): Promise<Model> {
  const { config, tensors, configFile, weightsFile } = await readModel(text('loadModel', 'path', path));
  checkWeights(tensors, weightsFile);
  const model = modelOf(config, configFile);
  if (overrides !== undefined) reconfigure(model, closed('loadModel', overrides, COMPILE_KEYS));
  await model.setWeights(model.weightNames.map((name) => tensors.get(name)!));
  return model;
}

function reconfigure(model: Model, overrides: Partial<CompileOptions>): void {
  const options = { ...model.toJSON().compile, ...overrides };
  if (options.optimizer && options.loss) {
    model.compile(options as CompileOptions);
  } else {
    const { optimizer: _, loss: __, metrics: ___, seed: ____, ...where } = overrides;
    model.runOn(where);
  }
}

/** A model from a model.json, with new weights. @throws ERR_FILE_FORMAT, ERR_LAYER_UNKNOWN, ERR_IO */
export async function loadConfig(file: string): Promise<Model> {
  return modelOf(await readConfig(file), file);
}
