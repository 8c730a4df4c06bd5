/**
 * LayersModel of TensorFlow.js: a folder with model.json (topology, training, manifest) and the weights' bytes.
 * Format: https://github.com/tensorflow/tfjs, tfjs-core/src/io. Ours carry checksums in userDefinedMetadata.
 */
import { join } from 'node:path';
import { sha256 } from '../../data/digests';
import { writeAtomic } from '../../files/atomic';
import { refused } from '../../files/refused';
import type { Tensor } from '../../files/safetensors';
import type { Model } from '../../model/model';
import type { ModelConfig } from '../../model/types';
import { version } from '../../version';
import type { Json } from '../layers-model/json';
import { readTopology, writeTopology } from '../layers-model/topology';
import { compiled, unreadOf, writeTraining } from '../layers-model/training';
import { modelOf, type StoredModel } from '../stored-model';
import { checkShapes } from '../weights-check';
import { readManifest, type WeightGroup } from './manifest';
import { readShards } from './shards';

const WEIGHTS = 'weights.bin';

/** Whether a model.json is of TensorFlow.js. */
export function isTfjs(json: Json): boolean {
  return json.format === 'layers-model' || json.format === 'graph-model' || json.modelTopology !== undefined;
}

/** A model.json, all checked that can be without the weights' bytes. */
export interface TfjsHead {
  config: ModelConfig;
  model: Model;
  groups: WeightGroup[];
  maker: string | null;
  digests: Record<string, unknown>;
}

/** @throws ERR_FILE_FORMAT, ERR_LAYER_UNKNOWN, ERR_DTYPE_UNSUPPORTED */
export function readHead(json: Json, file: string): TfjsHead {
  if (json.format === 'graph-model')
    throw refused(file, 'format', 'a graph model has no layers', 'save it as a LayersModel');
  const own = ownMetadata(json);
  if (own && own.sha256 !== digestOf(json))
    throw refused(
      file,
      'digest',
      'it was changed since it was saved',
      'undo the change, or take another copy',
    );
  const bare = readTopology(json.modelTopology, file);
  const model = modelOf(bare, file);
  const groups = renamed(readManifest(json.weightsManifest, file), model);
  const entries = groups.flatMap((group) => group.entries).filter((entry) => !entry.ofOptimizer);
  checkShapes(new Map(entries.map((entry) => [entry.name, entry])), file, model);
  const maker = typeof json.generatedBy === 'string' ? json.generatedBy.slice(0, 200) : null;
  const digests = own ? (own.files as Record<string, unknown>) : {};
  return { config: compiled(bare, json.trainingConfig), model, groups, maker, digests };
}

export async function readTfjsModel(json: Json, file: string): Promise<StoredModel> {
  const { config, groups, maker, digests } = readHead(json, file);
  const tensors = await readShards(groups, file, digests);
  const leftOut = unreadOf(json.trainingConfig, config);
  return { format: 'tfjs', config, tensors, leftOut, maker, configFile: file, weightsFile: file };
}

/** The topology alone, for new weights. */
export function readTfjsConfig(json: Json, file: string): ModelConfig {
  return compiled(readTopology(json.modelTopology, file), json.trainingConfig);
}

/** Entries by our names: Keras' converter may write sequential/dense/kernel, and older files dense/kernel:0. */
function renamed(groups: WeightGroup[], model: Model): WeightGroup[] {
  const ours = new Map(model.weightNames.map((name) => [nameThere(name), name]));
  const nameOf = (name: string) => {
    const short = name.replace(/:0$/, '').split('/').slice(-2).join('/');
    return ours.get(name) ?? ours.get(short) ?? name;
  };
  return groups.map((group) => ({
    ...group,
    entries: group.entries.map((entry) => ({ ...entry, name: nameOf(entry.name) })),
  }));
}

/** dense/kernel is called so there, too; batch_normalization/movingMean is batch_normalization/moving_mean. */
const nameThere = (name: string) =>
  name.replace(/\/moving(Mean|Variance)$/, (_, of) => `/moving_${of.toLowerCase()}`);

/** Writes `folder`/weights.bin, then `folder`/model.json. @throws ERR_IO; no file is ever half */
export async function writeTfjsModel(
  config: ModelConfig,
  tensors: Map<string, Tensor>,
  folder: string,
): Promise<void> {
  const floats = [...tensors].map(([name, { data, shape }]) => ({
    name: nameThere(name),
    shape: [...shape],
    bytes: bytesOf(Float32Array.from(data)),
  }));
  const weights = Buffer.concat(floats.map(({ bytes }) => bytes));
  const training = config.compile && writeTraining(config.compile);
  const json: Json = {
    format: 'layers-model',
    generatedBy: `fusor ${version}`,
    convertedBy: null,
    modelTopology: writeTopology(config),
    weightsManifest: [
      { paths: [WEIGHTS], weights: floats.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })) },
    ],
    ...(training && { trainingConfig: training }),
  };
  json.userDefinedMetadata = { fusor: { sha256: digestOf(json), files: { [WEIGHTS]: sha256(weights) } } };
  await writeAtomic(join(folder, WEIGHTS), weights);
  await writeAtomic(join(folder, 'model.json'), `${JSON.stringify(json, null, 2)}\n`);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/**
 * Our own part of a model.json that we wrote: its checksum and those of its files. TensorFlow.js hands it on when it
 * saves a model that it has opened; then it speaks of another file.
 */
function ownMetadata(json: Json): { sha256: unknown; files: unknown } | undefined {
  if (!/^fusor /.test(String(json.generatedBy))) return undefined;
  const own = (json.userDefinedMetadata as Json | null | undefined)?.fusor as Json | null | undefined;
  if (typeof own !== 'object' || own === null) return undefined;
  const files = typeof own.files === 'object' && own.files !== null ? own.files : {};
  return { sha256: own.sha256, files };
}

/** Of everything in a model.json that says what the model is. */
function digestOf({ modelTopology, weightsManifest, trainingConfig = null }: Json): string {
  return sha256(JSON.stringify({ modelTopology, weightsManifest, trainingConfig }));
}
