/** Damaged, forged and foreign archives of Keras and numpy. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { unzip, zip } from '../../../src/files/zip';
import { layers, loadModel, loadWeights, saveModel, sequential } from '../../../src/index';
import { type BadInput, type Row, rows } from '../../support/bad-inputs';
import { zip as deflated } from '../../support/zip';

const KERAS = resolve(__dirname, '../../support/keras/models');
const COPY = 'take another copy';
const FORMAT = 'ERR_FILE_FORMAT';

export async function badArchives(root: string): Promise<BadInput[]> {
  let count = 0;
  const good = readFileSync(join(KERAS, 'sequential.keras'));
  const numpy = join(root, 'good.npz');
  await saveModel(sequential([layers.dense(2, { inputShape: [2] })]), numpy);
  const at =
    (bytes: Uint8Array, end = '.keras') =>
    () => {
      const file = join(root, `archive-${count++}${end}`);
      writeFileSync(file, bytes);
      return loadModel(file);
    };
  /** The members of an archive, some of them others, or none. */
  const changed = (bytes: Uint8Array, change: Record<string, Uint8Array | string | null>) => {
    const members: Record<string, Uint8Array> = Object.fromEntries(unzip(bytes, '', () => true));
    for (const [name, data] of Object.entries(change)) {
      if (data === null) delete members[name];
      else members[name] = Buffer.from(data as string);
    }
    return zip(members);
  };
  const keras = (change: Record<string, Uint8Array | string | null>) => at(changed(good, change));
  const config = (work: (json: never) => void) => {
    const json = JSON.parse(Buffer.from(unzip(good, '', () => true).get('config.json')!).toString());
    work(json as never);
    return keras({ 'config.json': JSON.stringify(json) });
  };
  type Layer = { class_name: string; config: Record<string, unknown>; module: string };
  const layer = (index: number, work: (layer: Layer) => void) =>
    config(({ config: { layers: all } }: { config: { layers: Layer[] } }) => work(all[index]));
  const h5 = (name: string): (() => Promise<unknown>) => {
    const model = sequential([layers.dense(2, { inputShape: [2] })]);
    return () => loadWeights(model, join(KERAS, 'bad', `${name}.weights.h5`));
  };
  const npz = (change: Record<string, Uint8Array | string | null>) =>
    at(changed(readFileSync(numpy), change), '.npz');
  const npy = (header: string, body = 16) =>
    Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
      Buffer.from([header.length, 0]),
      Buffer.from(header),
      Buffer.alloc(body),
    ]);
  const refused = (name: string, text: string, code = FORMAT, cure = 'save it with Keras 3'): Row => [
    `HDF5: ${name}`,
    h5(name),
    code,
    text,
    cure,
  ];
  const flipped = Buffer.from(good);
  flipped[good.indexOf('"units"') + 8] ^= 1;
  return rows([
    [
      'no .keras',
      () => loadModel(join(root, 'absent.keras')),
      FORMAT,
      'no such model file',
      'check the path',
    ],
    ['a .keras of no bytes', at(Buffer.alloc(0)), FORMAT, 'not a zip archive', COPY],
    [
      'a .keras that is HDF5',
      at(Buffer.from('\x89HDF\r\n\x1a\n', 'latin1')),
      FORMAT,
      'not a zip archive',
      COPY,
    ],
    ['half a .keras', at(good.subarray(0, good.length / 2)), FORMAT, 'not a zip archive', COPY],
    ['a bit of a .keras', at(flipped), FORMAT, 'the checksum of config.json', COPY],
    [
      'a .keras without config',
      keras({ 'config.json': null }),
      FORMAT,
      'no config.json',
      'that Keras 3 saved',
    ],
    [
      'a .keras without weights',
      keras({ 'model.weights.h5': null }),
      FORMAT,
      'no model.weights.h5',
      'Keras 3',
    ],
    ['a config that is a list', keras({ 'config.json': '[]' }), FORMAT, 'not a JSON object', 'model.json'],
    [
      'a config of ours',
      keras({ 'config.json': '{"className":"Sequential"}' }),
      FORMAT,
      'not of Keras 3',
      'save it',
    ],
    [
      'a bomb',
      at(deflated({ 'config.json': '0'.repeat(100 << 20) })),
      FORMAT,
      'expand too much',
      'save it uncompressed',
    ],
    [
      'a Lambda layer',
      layer(3, (it) => Object.assign(it, { class_name: 'Lambda', config: { function: 'code' } })),
      'ERR_LAYER_UNKNOWN',
      '"Lambda"',
      'no code is loaded',
    ],
    [
      'a registered class',
      layer(3, (it) =>
        Object.assign(it, { class_name: 'Custom', module: 'os', registered_name: 'os>system' }),
      ),
      'ERR_LAYER_UNKNOWN',
      '"Custom"',
      'known are',
    ],
    [
      'a regulariser',
      layer(3, ({ config: of }) =>
        Object.assign(of, { kernel_regularizer: { class_name: 'OrthogonalRegularizer', config: {} } }),
      ),
      FORMAT,
      'kernel_regularizer',
      'remove it',
    ],
    [
      'a regulariser without its numbers',
      layer(3, ({ config: of }) => Object.assign(of, { kernel_regularizer: { class_name: 'L2' } })),
      FORMAT,
      'kernel_regularizer.config',
      'take another copy',
    ],
    [
      'a million units',
      layer(3, ({ config: of }) => Object.assign(of, { units: 1e6 })),
      FORMAT,
      '[16,1000000]',
      'take the weights',
    ],
    [
      '1e9 units',
      layer(3, ({ config: of }) => Object.assign(of, { units: 1e9 })),
      FORMAT,
      'units',
      'from 1 to',
    ],
    ['weights that are none', keras({ 'model.weights.h5': 'HDF' }), FORMAT, 'not HDF5', COPY],
    refused('soft-link', 'is a link to elsewhere'),
    refused('external-link', 'is a link to elsewhere'),
    refused('virtual', 'compressed or virtual'),
    refused('circle', 'too deep'),
    refused('compressed', 'compressed or virtual'),
    refused('integers', 'not an array of float32'),
    refused('big-endian', 'not an array of float32'),
    refused('text', 'not an array of float32'),
    refused('huge', 'more values than the file has bytes'),
    refused('outside', 'cannot be read', FORMAT, COPY),
    refused('one-missing', 'dense/bias is missing', FORMAT, 'take the weights'),
    refused('wrong-shape', 'is [3,2], the model needs [2,2]', FORMAT, 'take the weights'),
    refused('not-finite', 'NaN in tensor dense/kernel', 'ERR_NONFINITE_WEIGHTS', 'train anew'),
    [
      'an .npz of arrays alone',
      npz({ 'config.json': null }),
      FORMAT,
      'arrays without a model',
      'that fusor wrote',
    ],
    [
      'an array too few',
      npz({ 'dense/bias.npy': null }),
      FORMAT,
      'dense/bias is missing',
      'take the weights',
    ],
    [
      'an array that is none',
      npz({ 'dense/bias.npy': 'no array of any kind' }),
      FORMAT,
      'no array of numpy',
      COPY,
    ],
    [
      'a pickled array',
      npz({ 'dense/bias.npy': npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n") }),
      FORMAT,
      'its elements are objects',
      COPY,
    ],
    [
      'an array of bytes',
      npz({ 'dense/kernel.npy': npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }\n", 4) }),
      FORMAT,
      'not an array of float32 or float64',
      COPY,
    ],
    [
      'an array cut short',
      npz({ 'dense/kernel.npy': npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n", 8) }),
      FORMAT,
      'needs 16 bytes, it has 8',
      COPY,
    ],
  ]);
}
