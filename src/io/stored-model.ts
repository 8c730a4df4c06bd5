/** What every format of model files is read into and written from; the checks that all of them pass. */
import { FusorError } from '../errors';
import type { Tensor } from '../files/safetensors';
import type { Model } from '../model/model';
import { modelFromJSON } from '../model/sequential';

export type FormatName = 'fusor' | 'tfjs' | 'keras' | 'kerasWeights' | 'onnx' | 'npz';

export interface StoredModel {
  format: FormatName;
  /** As Model.toJSON makes it. */
  config: unknown;
  /** By the model's names: 'dense/kernel'. Already compared with the model that `config` is. */
  tensors: Map<string, Tensor>;
  /** What the file says of a training that has no counterpart here. */
  leftOut?: string[];
  /** The program that wrote it, where it says so. */
  maker: string | null;
  /** Where the configuration and the weights were read, for errors. */
  configFile: string;
  weightsFile: string;
}

/** What is wrong with a file is the file's fault, not that of the caller's arguments. */
export function modelOf(config: unknown, file: string): Model {
  try {
    return modelFromJSON(config);
  } catch (error) {
    if (!(error instanceof FusorError)) throw error;
    const code = error.code === 'ERR_LAYER_UNKNOWN' ? error.code : 'ERR_FILE_FORMAT';
    throw new FusorError(code, [error.message, file], { ...error.details, file }, { cause: error });
  }
}
