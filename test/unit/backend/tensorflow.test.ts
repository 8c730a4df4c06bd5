/** TensorFlow's packages: which is taken, what they find when they are loaded, what is said when they see no GPU. */
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceRequest } from '../../../src/backend/contract';
import { nvidiaGpus } from '../../../src/backend/nvidia-driver';
import { showOnly, visibleGpus } from '../../../src/backend/tfjs/gpus';
import { findPackage } from '../../../src/backend/tfjs/packages';
import { inChild, temporaryFolder, writeTree } from '../../support/script';
import { describeUnless } from '../../support/skip';

const dist = join(__dirname, '../../../dist');
const folder = temporaryFolder();
const cache = join(folder, 'cache');

/** What is compiled, with a node_modules of its own: what is installed here must not be found. @returns its folder */
function app(name: string): string {
  cpSync(dist, join(folder, name, 'dist'), { recursive: true });
  return join(folder, name);
}
const [bare, unfinished, whole] = ['bare', 'unfinished', 'whole'].map(app);

/** Stand-ins that report what they found when they were loaded: as npm installs them, and in the cache. */

function standIn(home: string, name: string, tensorflow: string) {
  writeTree(join(home, '@tensorflow', name), {
    'package.json': '{}',
    'lib/napi-v8/tfjs_binding.node': '',
    'index.js': `const { TF_FORCE_GPU_ALLOW_GROWTH, CUDA_VISIBLE_DEVICES, NVIDIA_TF32_OVERRIDE } = process.env;
      const { isNullOrUndefined, isArray } = require('node:util');
      const seen = { name: '${name}', TF_FORCE_GPU_ALLOW_GROWTH, CUDA_VISIBLE_DEVICES, NVIDIA_TF32_OVERRIDE,
        shims: isNullOrUndefined(null) && !isNullOrUndefined(0) && isArray([]) };
      const backend = { isUsingGpuDevice: process.env.FAKE_GPU === '1', binding: { TF_Version: '${tensorflow}' } };
      module.exports = { seen, version_core: '4.22.0', setBackend: async () => true, backend: () => backend };`,
  });
}

for (const name of ['tfjs-node', 'tfjs-node-gpu']) {
  standIn(join(whole, 'node_modules'), name, '2.9.1');
  // As npm leaves it with its install scripts left out.
  writeTree(join(unfinished, 'node_modules/@tensorflow', name), { 'package.json': '{}', 'index.js': '' });
}
for (const [engine, cuda] of [
  ['node', null],
  ['node-gpu', '12.5.1'],
] as const) {
  const home = join(cache, 'tfjs', engine);
  standIn(join(home, 'node_modules'), `tfjs-${engine}`, '2.21.0');
  const record = { package: `@tensorflow/tfjs-${engine}`, cuda };
  writeTree(home, { 'package.json': '{}', 'fusor.json': JSON.stringify(record) });
}

function open(request: Partial<DeviceRequest>, env: Record<string, string> = {}, home = whole) {
  const complete = { device: 'cpu', kernels: 'auto', precision: 'fp32', threads: 0, ...request };
  const code = `const { loadEngine } = require(${JSON.stringify(join(home, 'dist/backend/tfjs/engines.js'))});
    loadEngine('${request.tfjsEngine}', ${JSON.stringify(complete)})
      .then(({ tf, use, tidy, ...facts }) => ({ ...tf.seen, ...facts }))
      .catch(({ code, message }) => ({ code, message }))
      .then((answer) => console.log(JSON.stringify(answer)));`;
  return inChild(code, { NODE_PATH: '', FUSOR_CACHE: join(folder, 'none'), ...env });
}

test('the CPU engine hides the GPUs', () => {
  expect(open({ tfjsEngine: 'node' })).toMatchObject({
    name: 'node',
    CUDA_VISIBLE_DEVICES: '-1',
    device: 'cpu',
    gpuVisible: false,
    shims: true,
    versions: { tfjs: '4.22.0', tensorflow: '2.9.1' },
  });
});

test('the GPU engine lets memory grow, keeps TF32 off and sees the device asked for', () => {
  const answer = open({ tfjsEngine: 'node-gpu', device: 'cuda:1' }, { FAKE_GPU: '1' });
  expect(answer).toMatchObject({
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    CUDA_VISIBLE_DEVICES: '1',
    NVIDIA_TF32_OVERRIDE: '0',
    device: 'cuda:1',
    gpuVisible: true,
  });
});

test('what was set up in the cache goes before what npm installed', () => {
  expect(open({ tfjsEngine: 'node' }, { FUSOR_CACHE: cache }).versions.tensorflow).toBe('2.21.0');
  const gpu = open({ tfjsEngine: 'node-gpu', device: 'cuda' }, { FUSOR_CACHE: cache, FAKE_GPU: '1' });
  expect(gpu.versions).toEqual({ tfjs: '4.22.0', tensorflow: '2.21.0', cuda: '12.5.1' });
});

test('without the CPU package the GPU package serves the CPU', () => {
  const only = join(folder, 'only-gpu', 'tfjs');
  mkdirSync(only, { recursive: true });
  symlinkSync(join(cache, 'tfjs', 'node-gpu'), join(only, 'node-gpu'));
  expect(open({ tfjsEngine: 'node' }, { FUSOR_CACHE: join(folder, 'only-gpu') }, bare)).toMatchObject({
    CUDA_VISIBLE_DEVICES: '-1',
    versions: { tensorflow: '2.21.0' },
  });
});

test.each([
  ['none', '2.9.1 sees no GPU: it wants CUDA 11.2', '`npx fusor tfjs build --gpu`'],
  ['cache', '2.21.0 sees no GPU: it wants CUDA 12.5.1', '`nvidia-smi`'],
])('a GPU engine that fell to the CPU is no GPU engine (%s)', (name, what, cure) => {
  const env = { FUSOR_CACHE: join(folder, name) };
  const { code, message } = open({ tfjsEngine: 'node-gpu', device: 'cuda' }, env);
  expect(code).toBe('ERR_BACKEND_UNAVAILABLE');
  expect(message).toContain(`tfjs-node-gpu is loaded but TensorFlow ${what}`);
  expect(message).toContain(cure);
});

test.each([
  ['node', bare],
  ['node-gpu', bare],
  ['node', unfinished],
  ['node-gpu', unfinished],
] as const)('%s, not set up: the one command that mends it', (tfjsEngine, home) => {
  const { code, message } = open({ tfjsEngine }, {}, home);
  expect(code).toBe('ERR_BACKEND_UNAVAILABLE');
  const command = `npx fusor tfjs ${tfjsEngine === 'node-gpu' ? 'build --gpu' : 'install'}`;
  expect(message).toBe(`TensorFlow for Node is not set up · run \`${command}\``);
});

describe('cuda:N', () => {
  const models = ['NVIDIA H200', 'NVIDIA L4', 'NVIDIA T4'];
  test.each([
    [undefined, 'cuda:2', '2', models],
    ['2,0', 'cuda:0', '2', ['NVIDIA T4', 'NVIDIA H200']],
    ['2,0', 'cuda:1', '0', ['NVIDIA T4', 'NVIDIA H200']],
    ['2,0', 'cuda:2', '-1', ['NVIDIA T4', 'NVIDIA H200']],
    ['1,-1,0', 'cuda', '1', ['NVIDIA L4']],
    ['', 'cuda', '-1', []],
    ['GPU-8a2b', 'cuda:0', 'GPU-8a2b', ['NVIDIA GPU']],
    ['0', 'cpu', '-1', ['NVIDIA H200']],
  ])('CUDA_VISIBLE_DEVICES=%s, %s: TensorFlow is shown %s', (listed, device, shown, names) => {
    const env = { CUDA_VISIBLE_DEVICES: listed };
    expect(visibleGpus(models, env)).toEqual(names);
    showOnly(device, env);
    expect(env).toMatchObject({ CUDA_VISIBLE_DEVICES: shown, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' });
  });

  test('the driver’s GPUs, in the order of the bus', () => {
    const information = (model: string) => `Model: \t\t ${model}\nIRQ:   \t\t 42\n`;
    const gpus = writeTree(join(folder, 'gpus'), {
      '0000:b1:00.0/information': information('NVIDIA L4'),
      '0000:17:00.0/information': information('NVIDIA H200'),
    });
    expect(nvidiaGpus(gpus)).toEqual(['NVIDIA H200', 'NVIDIA L4']);
    expect(nvidiaGpus(join(folder, 'no-driver'))).toEqual([]);
  });
});

const present = findPackage('node');
describeUnless(!present && 'TensorFlow is not set up')('the two functions that Node 23 removed', () => {
  test.each([
    ['without them tfjs-node fails: ours are still needed', '', expect.stringMatching(/is not a function/)],
    ['with ours it computes', `require('${dist}/backend/tfjs/tensorflow.js').restoreRemovedUtilities();`, 11],
  ])('%s', (_name, restore, expected) => {
    const code = `const util = require('node:util');
      delete util.isNullOrUndefined;
      delete util.isArray;
      ${restore}
      const tf = require(${JSON.stringify(present!.entry)});
      let answer;
      try {
        answer = tf.sum(tf.mul([1, 5], [1, 2])).dataSync()[0];
      } catch (error) {
        answer = error.message;
      }
      console.log(JSON.stringify(answer));`;
    expect(inChild(code)).toEqual(expected);
  });
});
