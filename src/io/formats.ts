/** The formats of models there are: told by content on reading, chosen by name on writing. To add one, add its line. */
import { stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { FusorError } from '../errors';
import { isRefusedName, refuseByName } from '../files/refused';
import type { Tensor } from '../files/safetensors';
import type { TrainingConfig } from '../model/compile';
import type { ModelConfig } from '../model/types';
import { isCheckpoint } from '../runs/checkpoint-file';
import { modelOfCheckpoint } from './checkpoint-model';
import {
  MODEL_FILE,
  readFusorModel,
  readFusorWeights,
  writeFusorModel,
  writeFusorWeights,
} from './fusor-model';
import { kerasLeavesOut } from './keras/config';
import { readKerasModel, writeKerasModel, writeKerasWeights } from './keras/model';
import { leftOutOf as tfjsLeavesOut } from './layers-model/training';
import { configOf, readJsonFile } from './model-files';
import { modelFolder } from './model-folder';
import { readNpz, writeNpz } from './npz';
import { writeOnnxModel } from './onnx';
import type { FormatName, StoredModel } from './stored-model';
import { isTfjs, readTfjsConfig, readTfjsModel, writeTfjsModel } from './tfjs/model';

type Write = (config: ModelConfig, tensors: Map<string, Tensor>, path: string) => Promise<void>;

interface Format {
  /** Into a folder that is there. */
  writeFolder?: Write;
  /** One file, and how its name ends. */
  file?: { extension: string; write: Write };
  /** Whether a model can be read back from it. */
  read: boolean;
  /** What of a training it has no place for. */
  leftOut?(training: TrainingConfig): string[];
}

const ALL = () => ['optimizer, loss and metrics: it has no place for them'];

export const FORMATS: Record<FormatName, Format> = {
  fusor: {
    writeFolder: writeFusorModel,
    file: { extension: '.safetensors', write: writeFusorWeights },
    read: true,
  },
  tfjs: {
    writeFolder: writeTfjsModel,
    read: true,
    leftOut: tfjsLeavesOut,
  },
  keras: {
    file: { extension: '.keras', write: writeKerasModel },
    read: true,
    leftOut: kerasLeavesOut,
  },
  kerasWeights: {
    file: { extension: '.weights.h5', write: writeKerasWeights },
    read: false,
    leftOut: ALL,
  },
  onnx: { file: { extension: '.onnx', write: writeOnnxModel }, read: false, leftOut: ALL },
  npz: { file: { extension: '.npz', write: writeNpz }, read: true },
};

export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[];

/** The format that a file of this name has; undefined for a folder's name. */
export function formatOfName(path: string): FormatName | undefined {
  const name = path.toLowerCase();
  return FORMAT_NAMES.find((each) => FORMATS[each].file && name.endsWith(FORMATS[each].file.extension));
}

/** A folder of such a name would be taken for what it is not. */
function checkFolderName(where: string, path: string): void {
  // That of a model.json is the folder's that it is in.
  if (!isRefusedName(path) && extname(path).toLowerCase() !== '.json') return;
  const ends = FORMAT_NAMES.flatMap((name) => FORMATS[name].file?.extension ?? []);
  throw new FusorError(
    'ERR_ARG',
    [`${extname(path)} is not written`, `${where}, ${path}`, `name a folder, or one of ${ends.join(', ')}`],
    { path },
  );
}

/** How `path` is written: as the file that its name says, else as a folder. @throws ERR_ARG where `format` is neither */
export function writerOf(
  where: string,
  path: string,
  format: FormatName | undefined,
): { format: FormatName; write: Write; asFile: boolean } {
  const named = formatOfName(path);
  const chosen = format ?? named ?? 'fusor';
  const { file, writeFolder } = FORMATS[chosen];
  if (named === chosen && file) return { format: chosen, write: file.write, asFile: true };
  if (named === undefined) checkFolderName(where, path);
  if (named === undefined && writeFolder) return { format: chosen, write: writeFolder, asFile: false };
  const wanted = [writeFolder && 'a folder', file && `a file NAME${file.extension}`]
    .filter(Boolean)
    .join(' or ');
  throw new FusorError('ERR_ARG', [`${chosen} is written to ${wanted}`, `${where}, ${path}`, 'name one'], {
    path,
    format: chosen,
  });
}

/**
 * A model with its weights, whatever its format: a folder with a model.json, a run's folder, a model.json, one
 * weights.safetensors, a checkpoint, a .keras or a .npz of ours.
 * @throws ERR_FILE_FORMAT, ERR_FILE_HEADER, ERR_LAYER_UNKNOWN, ERR_DTYPE_UNSUPPORTED, ERR_PATH_ESCAPE, ERR_IO
 */
export async function readModel(path: string): Promise<StoredModel> {
  refuseByName(path);
  const named = formatOfName(path);
  if (named === 'keras') return readKerasModel(path);
  if (named === 'npz') return readNpz(path);
  if (extname(path).toLowerCase() === '.safetensors')
    return (await isCheckpoint(path)) ? modelOfCheckpoint(path) : readFusorWeights(path);
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory();
  const file =
    isFolder === false || basename(path) === MODEL_FILE ? path : join(modelFolder(path), MODEL_FILE);
  const json = await readJsonFile(file);
  return isTfjs(json) ? readTfjsModel(json, file) : readFusorModel(json, file);
}

/** The configuration in a model.json, for new weights. */
export async function readConfig(file: string): Promise<unknown> {
  const json = await readJsonFile(file);
  return isTfjs(json) ? readTfjsConfig(json, file) : configOf(json, file).config;
}
