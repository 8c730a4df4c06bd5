/**
 * Weights for numpy: a zip archive with `dense/kernel.npy`, `dense/bias.npy`, …, and config.json, which np.load leaves alone
 * and from which the model is read back. Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

import { writeAtomic } from '../files/atomic';
import { readWhole } from '../files/read-file';
import { refused } from '../files/refused';
import type { Tensor } from '../files/safetensors';
import type { ModelConfig } from '../model/types';
import { configOf, HEAD, missing, objectOf } from './model-files';
import { modelOf, type StoredModel } from './stored-model';
import { checkShapes } from './weights-check';
import { unzip, zip } from './zip';

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
      readNpy(data, `${file}, ${name.slice(0, 100)}`),
    ]),
  );
  checkShapes(tensors, file, model);
  return { format: 'npz', config, tensors, maker: 'fusor', configFile: file, weightsFile: file };
}

const HEADER =
  /^\{'descr': '<f([48])', 'fortran_order': False, 'shape': \((\d{1,10}(?:, ?\d{1,10})*,?|)\),? ?\}\s*$/;

function readNpy(bytes: Uint8Array, where: string): Tensor {
  const broken = (what: string) => refused(where, 'npy', what, 'take another copy');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || Buffer.from(bytes.subarray(0, 6)).toString('latin1') !== MAGIC)
    throw broken('not an array of numpy');
  const begin = bytes[6] === 1 ? 10 : 12;
  const end = begin + (bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (end > bytes.length) throw broken('its header is cut short');
  const header = HEADER.exec(Buffer.from(bytes.subarray(begin, end)).toString('latin1'));
  if (!header) throw broken('not an array of float32 or float64 in C order');
  const shape = header[2]
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const width = Number(header[1]);
  if (bytes.length - end !== count * width)
    throw broken(`its values are ${bytes.length - end} bytes, its shape needs ${count * width}`);
  const values = bytes.slice(end);
  return { shape, data: width === 4 ? new Float32Array(values.buffer) : new Float64Array(values.buffer) };
}
