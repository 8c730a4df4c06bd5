/** Damaged, forged and foreign model files. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../../src/data/digests';
import { readSafetensors, type Tensor, writeSafetensors } from '../../../src/files/safetensors';
import { layers, loadModel, saveModel, sequential } from '../../../src/index';
import { type BadInput, type Row, rows } from '../../support/bad-inputs';

const COPY = 'take another copy';
const TAKE = 'take the weights saved with this model';

/** A safetensors file with this header, as JSON or as it is. */
function headed(header: unknown, body = 0, length?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header), 'latin1');
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(length ?? BigInt(json.length));
  return Uint8Array.from(Buffer.concat([head, json, Buffer.alloc(body)]));
}

const entry = (shape: unknown, offsets: unknown, dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: offsets,
});
const raw = (shape: string, offsets: string) =>
  `{"a":{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}}`;

export function badTensors(): BadInput[] {
  const row = (
    name: string,
    bytes: Uint8Array,
    place: string,
    code = 'ERR_FILE_HEADER',
    cure = COPY,
  ): Row => [name, () => readSafetensors(bytes, 'weights.safetensors'), code, place, cure];
  return rows([
    row('no bytes', new Uint8Array(0), 'this one 0'),
    row('7 bytes', new Uint8Array(7), 'this one 7'),
    row('a header of 0 bytes', headed('', 8, 0n), 'stated as 0'),
    row('a header of 2⁶⁴ − 1 bytes', headed('{}', 0, 2n ** 64n - 1n), '18446744073709551615'),
    row('a header beyond 100 MB', headed('{}', 0, 100_000_001n), '100000001'),
    row('a header longer than the file', headed('{}', 0, 3n), 'stated as 3'),
    row('a header that is a list', headed('[]'), 'does not begin with {'),
    row('a lone brace', headed('{'), 'not JSON'),
    row('bytes that are no UTF-8', headed('{"\xff":1}'), 'UTF-8'),
    row('nested 200,000 deep', headed('{"a":'.repeat(200_000)), 'nested more than 64 deep'),
    row('a tensor twice', headed('{"a":1,"a":2}'), 'the key "a" twice'),
    row('a million values', headed(`{"a":[${'0,'.repeat(1_000_001)}0]}`), 'more than 400000 values'),
    row('an overlap', headed({ a: entry([2], [0, 8]), b: entry([2], [4, 12]) }, 12), 'tensor "b"'),
    row('a hole', headed({ a: entry([1], [0, 4]), b: entry([1], [8, 12]) }, 12), 'bytes 4 … 7'),
    row('bytes that belong to nothing', headed({ a: entry([1], [0, 4]) }, 5), 'bytes 4 … 4'),
    row('reversed offsets', headed({ a: entry([1], [4, 0]) }, 4), 'tensor "a" ends at byte 0'),
    row('an end beyond the file', headed({ a: entry([2], [0, 8]) }, 4), 'the body has 4'),
    row('a negative offset', headed({ a: entry([1], [-4, 0]) }, 4), '[-4,0]'),
    row('an offset of 1.5', headed({ a: entry([1], [0, 1.5]) }, 4), '[0,1.5]'),
    row('an offset of 1e400', headed(raw('[1]', '[0,1e400]'), 4), 'tensor "a"'),
    row('an offset beyond 2⁵³', headed(raw('[1]', '[0,9007199254740993]'), 4), 'tensor "a"'),
    row('a shape that needs other bytes', headed({ a: entry([3], [0, 8]) }, 8), 'needs 12 bytes'),
    row(
      'a shape whose product wraps',
      headed({ a: entry([2 ** 32, 2 ** 32, 16], [0, 4]) }, 4),
      'too many bytes',
    ),
    row('rank 9', headed({ a: entry(new Array(9).fill(1), [0, 4]) }, 4), 'at most 8 sizes'),
    row('a size of −0', headed(raw('[-0]', '[0,0]')), 'tensor "a"'),
    row('a size that is text', headed({ a: entry(['28'], [0, 4]) }, 4), '["28"]'),
    row('a size that is not a number', headed({ a: entry([Number.NaN], [0, 4]) }, 4), '[null]'),
    row('an unknown dtype', headed({ a: entry([1], [0, 4], 'Q8') }, 4), '"Q8"'),
    row('a dtype of the prototype', headed({ a: entry([1], [0, 4], 'toString') }, 4), '"toString"'),
    row('metadata that are no texts', headed({ __metadata__: { a: 1 } }), '__metadata__'),
    ...['F8_E4M3', 'BF16', 'F16', 'I64'].map((dtype) => {
      const size = { F8_E4M3: 1, BF16: 2, F16: 2, I64: 8 }[dtype]!;
      return row(
        dtype,
        headed({ a: entry([1], [0, size], dtype) }, size),
        `tensor a is ${dtype}`,
        'ERR_DTYPE_UNSUPPORTED',
        'F32, F64',
      );
    }),
    row(
      'a zip archive',
      Uint8Array.from(Buffer.from('PK\x03\x04 archive/data.pkl....')),
      'can',
      'ERR_FILE_FORMAT',
      'convert it',
    ),
  ]);
}

export async function badModels(root: string): Promise<BadInput[]> {
  let count = 0;
  const saved = join(root, 'saved');
  const stack = [layers.dense(3, { inputShape: [4], name: 'hidden' }), layers.dense(2, { name: 'out' })];
  await saveModel(sequential(stack), saved);
  const change = (work: (folder: string) => unknown) => () => {
    const folder = join(root, `model-${count++}`);
    cpSync(saved, folder, { recursive: true });
    const other = work(folder);
    return loadModel(typeof other === 'string' ? other : folder);
  };
  const edit = (name: string, work: (bytes: Buffer) => Uint8Array | string) =>
    change((folder) => writeFileSync(join(folder, name), work(readFileSync(join(folder, name)))));
  const retensored = (work: (tensors: Map<string, Tensor>) => void) =>
    edit('weights.safetensors', (bytes) => {
      const { tensors, metadata } = readSafetensors(Uint8Array.from(bytes), 'x');
      work(tensors);
      const body = Buffer.concat(writeSafetensors(tensors).slice(1));
      return Buffer.concat(writeSafetensors(tensors, { ...metadata, sha256: sha256(body) }));
    });
  const json = (
    work: (json: { config: { layers: { config: Record<string, unknown>; className: string }[] } }) => void,
  ) =>
    change((folder) => {
      const file = join(folder, 'model.json');
      const parsed = JSON.parse(readFileSync(file, 'utf8'));
      work(parsed);
      writeFileSync(file, JSON.stringify(parsed));
    });
  const named = (name: string, bytes = '') =>
    change((folder) => {
      writeFileSync(join(folder, name), Buffer.from(bytes, 'latin1'));
      return join(folder, name);
    });
  const layer = (work: (config: Record<string, unknown>) => void) =>
    json(({ config }) => work(config.layers[0].config));
  const FORMAT = 'ERR_FILE_FORMAT';
  return rows([
    ['no such folder', () => loadModel(join(root, 'absent')), FORMAT, 'absent', 'name the folder'],
    [
      'no model.json',
      change((folder) => rmSync(join(folder, 'model.json'))),
      FORMAT,
      'model.json',
      'name the folder',
    ],
    [
      'no weights',
      change((folder) => rmSync(join(folder, 'weights.safetensors'))),
      FORMAT,
      'weights.safetensors',
      'name the folder',
    ],
    ['an empty model.json', edit('model.json', () => ''), FORMAT, 'model.json', COPY],
    [
      'a model.json that is a list',
      edit('model.json', () => '[]'),
      FORMAT,
      'model.json',
      'name a model.json',
    ],
    [
      'a key twice',
      edit('model.json', (b) => b.toString().replace('{', '{"format":"x",')),
      FORMAT,
      '"format" twice',
      COPY,
    ],
    ['nested too deep', edit('model.json', () => `{"a":${'['.repeat(100_000)}`), FORMAT, 'model.json', COPY],
    [
      '17 MiB of model.json',
      change((folder) => truncateSync(join(folder, 'model.json'), 17 << 20)),
      FORMAT,
      '17825792 bytes',
      'name another',
    ],
    [
      'another format',
      edit('model.json', () => '{"format":"mlmodel"}'),
      FORMAT,
      'mlmodel',
      'name a model of one',
    ],
    [
      'a newer version',
      edit('model.json', (b) => b.toString().replace('"version": 1', '"version": 2')),
      FORMAT,
      'version 2',
      'use a newer fusor',
    ],
    [
      'an edited configuration',
      layer((config) => {
        config.units = 4;
      }),
      FORMAT,
      'model.json',
      'undo the change',
    ],
    [
      'a layer that runs code',
      json(({ config }) => {
        config.layers[0].className = 'Lambda';
      }),
      'ERR_LAYER_UNKNOWN',
      'layer 0',
      'known are',
    ],
    [
      'a layer of the prototype',
      json(({ config }) => {
        config.layers[1].className = 'constructor';
      }),
      'ERR_LAYER_UNKNOWN',
      'layer 1',
      'known are',
    ],
    [
      'a layer nearly',
      json(({ config }) => {
        config.layers[0].className = 'dense';
      }),
      'ERR_LAYER_UNKNOWN',
      'layer 0',
      'did you mean Dense?',
    ],
    [
      '10⁹ units',
      layer((config) => {
        config.units = 1e9;
      }),
      FORMAT,
      'layers.dense',
      'from 1 to 16777216',
    ],
    [
      '2³¹ parameters',
      json(({ config }) => {
        config.layers[0].config.units = 2 ** 24;
        config.layers[1].config.units = 2 ** 24;
      }),
      FORMAT,
      'layer "out"',
      'use fewer units',
    ],
    [
      '−1 units',
      layer((config) => {
        config.units = -1;
      }),
      FORMAT,
      'layers.dense',
      'from 1 to',
    ],
    [
      'an option nearly',
      layer((config) => {
        config.unit = 3;
      }),
      FORMAT,
      'layers.dense',
      'known are',
    ],
    [
      'an activation nearly',
      layer((config) => {
        config.activation = 'rellu';
      }),
      FORMAT,
      'layers.dense',
      'did you mean relu?',
    ],
    [
      'two layers of one name',
      json(({ config }) => {
        config.layers[1].config.name = 'hidden';
      }),
      FORMAT,
      '"hidden"',
      'names are unique',
    ],
    [
      'cut weights',
      edit('weights.safetensors', (b) => b.subarray(0, b.length - 4)),
      'ERR_FILE_HEADER',
      'weights.safetensors',
      COPY,
    ],
    [
      'a flipped bit',
      edit('weights.safetensors', (b) => {
        b[b.length - 3] ^= 4;
        return b;
      }),
      FORMAT,
      'checksum of its tensors',
      COPY,
    ],
    [
      'tensors missing, renamed and misshapen',
      retensored((tensors) => {
        tensors.delete('hidden/bias');
        tensors.set('extra', { shape: [1], data: new Float32Array(1) });
      }),
      FORMAT,
      'hidden/bias is missing; extra is too many',
      TAKE,
    ],
    [
      'weights of integers',
      retensored((tensors) => tensors.set('out/bias', { shape: [2], data: new Int32Array(2) })),
      'ERR_DTYPE_UNSUPPORTED',
      'out/bias',
      'F32 or F64',
    ],
    [
      'NaN',
      retensored((tensors) => tensors.set('out/bias', { shape: [2], data: Float32Array.of(0, Number.NaN) })),
      'ERR_NONFINITE_WEIGHTS',
      'out/bias, element 1',
      'train anew',
    ],
    [
      'infinity',
      retensored((tensors) => tensors.set('out/bias', { shape: [2], data: Float32Array.of(-1 / 0, 0) })),
      'ERR_NONFINITE_WEIGHTS',
      'out/bias, element 0',
      '--allow-nonfinite',
    ],
    [
      'weights that are a folder',
      change((folder) => {
        rmSync(join(folder, 'weights.safetensors'));
        mkdirSync(join(folder, 'weights.safetensors'));
      }),
      FORMAT,
      'weights.safetensors',
      'name the folder',
    ],
    [
      'weights that are a pipe',
      change((folder) => {
        rmSync(join(folder, 'weights.safetensors'));
        execFileSync('mkfifo', [join(folder, 'weights.safetensors')]);
      }),
      FORMAT,
      'not a regular file',
      'name a file',
    ],
    [
      'a terabyte of nothing',
      change((folder) => truncateSync(join(folder, 'weights.safetensors'), 2 ** 40)),
      'ERR_FILE_HEADER',
      'weights.safetensors',
      COPY,
    ],
    [
      'weights alone of another maker',
      change((folder) => {
        const file = join(folder, 'other.safetensors');
        writeFileSync(file, headed({}));
        return file;
      }),
      FORMAT,
      'other.safetensors',
      'put a model.json beside them',
    ],
    ...['.pt', '.pth', '.ckpt', '.pkl', '.pickle', '.joblib', '.pb'].map(
      (end): Row => [`a file ${end}`, named(`model${end}`), FORMAT, 'can run code', 'convert it'],
    ),
    ...['.h5', '.hdf5'].map(
      (end): Row => [
        `a file ${end}`,
        named(`model${end}`),
        FORMAT,
        'HDF5 of Keras 2',
        'save it with Keras 3',
      ],
    ),
    ['weights of TensorFlow.js alone', named('weights.bin'), FORMAT, 'weights.bin', 'name the model.json'],
    [
      'weights of PyTorch',
      () => loadModel(join(root, 'pytorch_model.bin')),
      FORMAT,
      'can run code',
      'convert it',
    ],
    ['ONNX', named('model.onnx'), FORMAT, 'model.onnx', 'take the model'],
    [
      'TorchScript under another name',
      named('model.json', 'PK\x03\x04\x00\x00archive/data.pkl'),
      FORMAT,
      'can run code',
      'convert it',
    ],
    [
      'a pickle under another name',
      named('model.json', '\x80\x04\x95'),
      FORMAT,
      'can run code',
      'convert it',
    ],
    [
      'HDF5 under another name',
      named('model.json', '\x89HDF\r\n\x1a\n'),
      FORMAT,
      'HDF5 of Keras 2',
      'save it with Keras 3',
    ],
    [
      'a SavedModel',
      change((folder) => writeFileSync(join(folder, 'saved_model.pb'), '')),
      FORMAT,
      'can run code',
      'keras_saved_model',
    ],
    ['no path', () => loadModel(undefined as never), 'ERR_ARG', 'loadModel', 'must be some text'],
    ['a path with NUL', () => loadModel('a\0b'), 'ERR_ARG', 'loadModel', 'must be some text'],
    [
      'an override nearly',
      () => loadModel(saved, { optimiser: 'adam' } as never),
      'ERR_ARG',
      'loadModel',
      'did you mean optimizer?',
    ],
    [
      'a model that is none',
      () => saveModel({} as never, join(root, 'never')),
      'ERR_ARG',
      'saveModel',
      'made by sequential',
    ],
    [
      'a format that is none',
      () => saveModel(sequential(stack), join(root, 'never'), { format: 'tfsj' as never }),
      'ERR_ARG',
      'saveModel',
      'did you mean tfjs?',
    ],
    [
      'a folder inside a file',
      () => saveModel(sequential(stack), join(saved, 'model.json', 'x')),
      'ERR_IO',
      'model.json',
      'choose another place',
    ],
  ]);
}
