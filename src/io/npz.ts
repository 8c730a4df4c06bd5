/**
 * Weights for numpy: a zip archive with `dense/kernel.npy`, `dense/bias.npy`, …, and config.json, which np.load leaves alone
 * and from which the model is read back. Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

import { decodeNpy } from '../data/npy';
import { isFusorError, partsOf } from '../errors';
import { writeAtomic } from '../files/atomic';
import { readWhole } from '../files/read-file';
import { refused } from '../files/refused';
import type { Tensor } from '../files/safetensors';
import { unzip, zip } from '../files/zip';
import type { ModelConfig } from '../model/types';
import { configOf, HEAD, missing, objectOf } from './model-files';
import { modelOf, type StoredModel } from './stored-model';
import { checkShapes } from './weights-check';

const CONFIG = 'config.json';
const MAGIC = '\x93NUMPY';

export async function writeNpz(
  config: ModelConfig,
  tensors: ReadonlyMap<string, Tensor>,
  file: string,
): Promise<void> {
  const members = [...tensors].map(([name, tensor]) => [`${name}.npy`, npy(tensor)] as const);
  const json = { ...HEAD, config };
  const bytes = zip({ ...Object.fromEntries(members), [CONFIG]: Buffer.from(JSON.stringify(json)) });
  await writeAtomic(file, bytes);
}

function npy({ shape, data }: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = Float32Array.from(data);
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const fields = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  // Padded so that the values begin at a multiple of 64.
  const header = `${fields.padEnd(Math.ceil((10 + fields.length + 1) / 64) * 64 - 11)}\n`;
  const head = Buffer.from(`${MAGIC}\x01\x00  ${header}`, 'latin1');
  head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, new Uint8Array(buffer, byteOffset, byteLength)]);
}

/** @throws ERR_FILE_FORMAT, ERR_DTYPE_UNSUPPORTED, ERR_IO */
export async function readNpz(file: string): Promise<StoredModel> {
  return decodeNpz(await readWhole(file, missing(file, 'check the path')), file);
}

export function decodeNpz(bytes: Uint8Array, file: string): StoredModel {
  const members = unzip(bytes, file, () => true);
  const json = members.get(CONFIG);
  if (!json)
    throw refused(
      file,
      'config',
      'these are arrays without a model',
      'name an archive that fusor wrote: its config.json says what model they are of',
    );
  members.delete(CONFIG);
  const { config } = configOf(objectOf(json, file), file);
  const model = modelOf(config, file);
  const tensors = new Map(
    [...members].map(([name, data]) => [
      name.replace(/\.npy$/, ''),
      tensorOf(data, `${file}, ${name.slice(0, 100)}`),
    ]),
  );
  checkShapes(tensors, file, model);
  return { format: 'npz', config, tensors, maker: 'fusor', configFile: file, weightsFile: file };
}

function tensorOf(bytes: Uint8Array, where: string): Tensor {
  const broken = (what: string) => refused(where, 'npy', what, 'take another copy');
  try {
    const { data, shape } = decodeNpy(bytes, where);
    const kind = data[Symbol.toStringTag];
    if (kind === 'Float32Array' || kind === 'Float64Array') return { data, shape: [...shape] } as Tensor;
  } catch (error) {
    if (!isFusorError(error)) throw error;
    throw broken(partsOf(error).what);
  }
  throw broken('not an array of float32 or float64');
}
