// The readers that test/programs/fuzz.cjs knows, each with the good files that are damaged.
const { createHash } = require('node:crypto');
const { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');
const { gzipSync } = require('node:zlib');
const { readIdx } = require('../../dist/data/idx.js');
const { readSafetensors, writeSafetensors } = require('../../dist/files/safetensors.js');
const { checkedWeights, configOf, objectOf } = require('../../dist/io/model-files.js');
const { modelOf } = require('../../dist/io/stored-model.js');
const { checkShapes, checkWeights } = require('../../dist/io/weights-check.js');
const { isTfjs, readHead } = require('../../dist/io/tfjs/model.js');
const { readShards } = require('../../dist/io/tfjs/shards.js');
const { decodeCheckpoint } = require('../../dist/runs/checkpoint-file.js');
const { readArchive, readWeights } = require('../../dist/io/keras/model.js');
const { Hdf5 } = require('../../dist/io/keras/hdf5.js');
const { decodeNpz } = require('../../dist/io/npz.js');
const { unzip, zip } = require('../../dist/files/zip.js');
const { layers, modelCheckpoint, sequential } = require('../../dist/index.js');

/** In memory where the system has such a folder: a hundred thousand small files are written. */
function scratch() {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'fusor-fuzz-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function idx(shape, elements) {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((size, i) => {
    header.writeUInt32BE(size, 4 + 4 * i);
  });
  return Buffer.concat([header, Buffer.from(Array.from({ length: elements }, (_, i) => i % 256))]);
}

const IMAGES = idx([5, 4, 4], 80);
const LABELS = idx([60], 60);

function idxReader(files) {
  const file = join(scratch(), 'data');
  let turn = 0;
  const read = (bytes) => {
    writeFileSync(file, bytes);
    readIdx(file, turn++ % files.length === 0 ? 'images' : 'labels');
  };
  return { seeds: files.map((bytes) => ({ bytes })), read };
}

function smallModel() {
  return sequential([
    layers.rescaling(0.5, { inputShape: [2, 2, 1] }),
    layers.flatten(),
    layers.dense(3, { activation: 'relu' }),
    layers.dropout(0.5),
    layers.dense(2, { activation: 'softmax' }),
  ]);
}

const TENSORS = new Map([
  ['dense/kernel', { shape: [4, 3], data: new Float32Array(12) }],
  ['dense/bias', { shape: [3], data: new Float32Array(3) }],
  ['dense_1/kernel', { shape: [3, 2], data: new Float32Array(6) }],
  ['dense_1/bias', { shape: [2], data: new Float32Array(2) }],
]);

function safetensors() {
  const model = smallModel();
  const config = JSON.stringify(model.toJSON());
  const metadata = { format: 'fusor.model', version: '1', config };
  const bytes = Buffer.concat(writeSafetensors(TENSORS, metadata));
  const read = (input) => {
    const { tensors } = checkedWeights('x.safetensors', readSafetensors(input, 'x.safetensors'));
    checkShapes(tensors, 'x.safetensors', model);
    checkWeights(tensors, 'x.safetensors');
  };
  return { seeds: [{ bytes, json: [8, 92] }], read };
}

function modelJson() {
  const model = smallModel();
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  const config = model.toJSON();
  const seeds = [config, { format: 'fusor.model', version: 1, config }].map((json) => ({
    bytes: Buffer.from(JSON.stringify(json)),
    json: [0, 0],
  }));
  const read = (bytes) => {
    const { config: found } = configOf(objectOf(bytes, 'model.json'), 'model.json');
    modelOf(found, 'model.json').summary();
  };
  return { seeds, read };
}

function tfjs() {
  const folder = scratch();
  const file = join(folder, 'model.json');
  const weights = [...TENSORS].map(([name, { shape }]) => ({ name, shape, dtype: 'float32' }));
  const dense = (name, units, activation) => ({
    class_name: 'Dense',
    config: { units, activation, use_bias: true, kernel_regularizer: null, name, trainable: true },
  });
  const stack = [
    {
      class_name: 'Flatten',
      config: { name: 'flatten', batch_input_shape: [null, 2, 2, 1], dtype: 'float32' },
    },
    dense('dense', 3, 'relu'),
    { class_name: 'Dropout', config: { rate: 0.5, noise_shape: null, name: 'dropout' } },
    dense('dense_1', 2, 'softmax'),
  ];
  const adam = {
    class_name: 'Adam',
    config: { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 },
  };
  const graph = [
    { class_name: 'InputLayer', config: { name: 'in', batch_input_shape: [null, 2, 2, 1] } },
    ...stack,
  ].map((layer, i, all) => ({
    ...layer,
    name: layer.config.name,
    inbound_nodes: i === 0 ? [] : [[[all[i - 1].config.name, 0, 0, {}]]],
  }));
  const made = [
    { class_name: 'Sequential', config: { name: 'm', layers: stack } },
    { class_name: 'Model', config: { name: 'm', layers: graph } },
  ].map((modelTopology, i) => ({
    format: 'layers-model',
    modelTopology,
    weightsManifest: [
      { paths: i ? ['group1-shard1of2.bin', 'group1-shard2of2.bin'] : ['weights.bin'], weights },
    ],
    trainingConfig: { loss: 'categorical_crossentropy', metrics: ['acc'], optimizer_config: adam },
  }));
  writeFileSync(join(folder, 'weights.bin'), Buffer.alloc(92));
  writeFileSync(join(folder, 'group1-shard1of2.bin'), Buffer.alloc(50));
  writeFileSync(join(folder, 'group1-shard2of2.bin'), Buffer.alloc(42));
  // What an escape would read.
  writeFileSync(join(dirname(folder), 'x'), Buffer.alloc(92));
  process.on('exit', () => rmSync(join(dirname(folder), 'x'), { force: true }));
  const read = async (bytes) => {
    const json = objectOf(bytes, file);
    if (!isTfjs(json)) return void configOf(json, file);
    const { groups, digests } = readHead(json, file);
    checkWeights(await readShards(groups, file, digests), file);
  };
  return { seeds: made.map((json) => ({ bytes: Buffer.from(JSON.stringify(json)), json: [0, 0] })), read };
}

async function checkpoint() {
  const folder = scratch();
  const model = sequential([layers.dense(2, { inputShape: [3] })]);
  model.compile({
    optimizer: 'adam',
    loss: 'mse',
    metrics: ['mae'],
    backend: 'tfjs',
    tfjsEngine: 'cpu',
    quiet: true,
  });
  const callbacks = [modelCheckpoint(folder)];
  await model.fit([[1, 2, 3]], [[1, 2]], { epochs: 2, callbacks, verbose: 0, seed: 1 });
  const name = readdirSync(folder).find((entry) => entry.endsWith('.safetensors'));
  const bytes = readFileSync(join(folder, name));
  const at = bytes.indexOf('"sha256":"') + 10;
  let turn = 0;
  const read = (input) => {
    // Every other one as somebody would forge it: its checksum is right.
    if (turn++ % 2 && input.length >= at + 64) {
      input.fill('0', at, at + 64);
      input.write(createHash('sha256').update(input).digest('hex'), at, 'latin1');
    }
    decodeCheckpoint(input, 'x.safetensors');
  };
  return { seeds: [{ bytes, json: [8, bytes.length - 8 - Number(bytes.readBigUInt64LE(0))] }], read };
}

const KERAS = join(__dirname, '..', 'support', 'keras', 'models');

/** The archive as it is, and its configuration in an archive whose checksums are right. */
function keras() {
  const members = unzip(readFileSync(join(KERAS, 'sequential.keras')), 'x', () => true);
  const config = Buffer.from(members.get('config.json'));
  const archive = (json) =>
    zip({
      'metadata.json': members.get('metadata.json'),
      'config.json': json,
      'model.weights.h5': Buffer.alloc(8),
    });
  let turn = 0;
  const read = (input) => {
    readArchive(turn++ % 2 === 0 ? input : archive(input), 'x.keras');
  };
  return { seeds: [{ bytes: Buffer.from(archive(config)) }, { bytes: config, json: [0, 0] }], read };
}

function npz() {
  const header = (shape) => {
    const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }\n`;
    return Buffer.concat([
      Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, text.length, 0]),
      Buffer.from(text),
    ]);
  };
  const names = [...TENSORS].map(([name, { shape, data }]) => [
    `${name}.npy`,
    Buffer.concat([header(shape.length === 1 ? `${shape},` : shape.join(', ')), Buffer.from(data.buffer)]),
  ]);
  const config = Buffer.from(
    JSON.stringify({ format: 'fusor.model', version: 1, config: smallModel().toJSON() }),
  );
  const archive = (change) => zip({ ...Object.fromEntries(names), 'config.json': config, ...change });
  let turn = 0;
  const read = (input) => {
    decodeNpz(turn++ % 2 === 0 ? input : archive({ 'dense/kernel.npy': input }), 'x.npz');
  };
  return { seeds: [{ bytes: Buffer.from(archive({})) }, { bytes: names[0][1] }], read };
}

/** One thread for all files: what a file does to it must not outlast the file. */
function hdf5() {
  const thread = new Hdf5();
  const bytes = readFileSync(join(KERAS, 'bad', 'not-finite.weights.h5'));
  const model = sequential([layers.dense(2, { inputShape: [2] })]);
  const read = async (input) => {
    await readWeights(thread, input, model, 'x.weights.h5');
  };
  return { seeds: [{ bytes }], read, close: () => thread.close() };
}

const FORMATS = {
  idx: () => idxReader([IMAGES, LABELS]),
  gz: () => idxReader([gzipSync(IMAGES), gzipSync(LABELS, { level: 0 }), gzipSync(IMAGES, { level: 9 })]),
  safetensors,
  model: modelJson,
  tfjs,
  checkpoint,
  keras,
  npz,
  hdf5,
};

module.exports = { FORMATS };
