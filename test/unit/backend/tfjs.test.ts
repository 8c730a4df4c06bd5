/** The tfjs backend beside the conformance suite: loading, probing, refusals, memory, the end of the process. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceRequest } from '../../../src/backend/contract';
import { loadEngine } from '../../../src/backend/tfjs/engines';
import { provider } from '../../../src/backend/tfjs/provider';
import { sameBits } from '../../support/compare';
import { dense, planOf, randomExamples, randomState } from '../../support/plans';

const dist = join(__dirname, '../../../dist/backend/tfjs');
const request: DeviceRequest = {
  device: 'cpu',
  kernels: 'auto',
  precision: 'fp32',
  threads: 0,
  tfjsEngine: 'wasm',
};
const plan = planOf(
  [dense(6, 8, 'gelu'), { kind: 'dropout', name: 'd', width: 8, rate: 0.5, stream: 0 }, dense(8, 3)],
  'meanSquaredError',
);

/** Runs JavaScript in a child; the last line it prints, parsed. */
function inChild(code: string, env: Record<string, string> = {}) {
  const child = spawnSync(process.execPath, ['-e', code], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, ...env },
  });
  if (child.status !== 0) throw new Error(`${child.signal ?? child.status}: ${child.stderr}`);
  return JSON.parse(child.stdout.trim().split('\n').at(-1)!);
}

describe('the provider', () => {
  test('loads no tfjs when it is imported', () => {
    const code = `require(${JSON.stringify(join(dist, 'provider.js'))});
      console.log(JSON.stringify(Object.keys(require.cache).filter((file) => file.includes('@tensorflow'))))`;
    expect(inChild(code)).toEqual([]);
  });

  test('knows its engines, best first, and says what is missing and what to do', async () => {
    const { candidates } = await provider.probe();
    expect(candidates.map(({ engine }) => engine)).toEqual(['node-gpu', 'node', 'wasm', 'cpu']);
    for (const { usable, reason, cure, deviceName } of candidates) {
      expect([reason === '', cure === '', deviceName !== '']).toEqual([usable, usable, usable]);
    }
    expect(
      candidates.filter(({ engine }) => engine === 'wasm' || engine === 'cpu').every((c) => c.usable),
    ).toBe(true);
  });

  test.each([
    [{ kernels: 'fused' }, 'ERR_UNSUPPORTED'],
    [{ precision: 'bf16' }, 'ERR_UNSUPPORTED'],
  ] as const)('refuses %j', async (changes, code) => {
    await expect(provider.open({ ...request, ...changes })).rejects.toMatchObject({ code });
  });
});

describe('memory', () => {
  test.each(['wasm', 'cpu'] as const)(
    '%s: as many tensors after a span as before, none after dispose',
    async (name) => {
      const backend = await provider.open({ ...request, tfjsEngine: name });
      const { tf } = await loadEngine(name, request);
      const tensors = () => tf.memory().numTensors;
      const before = tensors();
      const session = await backend.createSession(plan, randomState(plan));
      const own = tensors();
      // Two kernels, two biases, each with Adam's two slots.
      expect(own - before).toBe(12);
      const examples = randomExamples(plan, 40);
      const data = await session.upload(examples);
      const order = Uint32Array.from({ length: 40 }, (_, i) => i);
      const span = { data, order, batchSize: 8, firstStep: 0, learningRates: new Float32Array(5).fill(0.01) };
      await session.run(span);
      await session.run(span, { signal: AbortSignal.abort() });
      await session.evaluate(data, { begin: 0, end: 40 }, 16);
      await session.predict(examples.x);
      await session.writeState(await session.readState());
      expect(tensors()).toBe(own);
      await session.dispose();
      expect(tensors()).toBe(before);
    },
  );
});

test('sessions of two engines in one process train as each alone', async () => {
  const train = async (tfjsEngine: 'wasm' | 'cpu') => {
    const backend = await provider.open({ ...request, tfjsEngine });
    const session = await backend.createSession(plan, randomState(plan));
    const data = await session.upload(randomExamples(plan, 200));
    const order = Uint32Array.from({ length: 200 }, (_, i) => i);
    const learningRates = new Float32Array(20).fill(0.01);
    const { losses } = await session.run({ data, order, batchSize: 10, firstStep: 0, learningRates });
    await session.dispose();
    return losses;
  };
  const alone = [await train('wasm'), await train('cpu')];
  const together = await Promise.all([train('wasm'), train('cpu')]);
  expect(sameBits(together[0], alone[0])).toBe(true);
  expect(sameBits(together[1], alone[1])).toBe(true);
});

test('nothing keeps the process alive after the last call', () => {
  const code = `const { provider } = require(${JSON.stringify(join(dist, 'provider.js'))});
    const plan = ${JSON.stringify(planOf([dense(2, 2)], 'meanSquaredError'))};
    const zeros = () => [new Float32Array(4), new Float32Array(2)];
    provider.open(${JSON.stringify(request)})
      .then((backend) => backend.createSession(plan, { step: 0, weights: zeros(), slots: [zeros(), zeros()] }))
      .then((session) => session.predict(new Float32Array(2)))
      .then((p) => console.log(JSON.stringify([...p])));`;
  expect(inChild(code)).toEqual([0, 0]);
});

describe("TensorFlow's packages", () => {
  /** A folder for NODE_PATH with stand-ins that report what they found when they were loaded. */
  const folder = mkdtempSync(join(tmpdir(), 'fusor-tfjs-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  for (const name of ['tfjs-node', 'tfjs-node-gpu']) {
    const home = join(folder, '@tensorflow', name);
    mkdirSync(home, { recursive: true });
    writeFileSync(
      join(home, 'index.js'),
      `const { TF_FORCE_GPU_ALLOW_GROWTH, CUDA_VISIBLE_DEVICES, NVIDIA_TF32_OVERRIDE } = process.env;
      const { isNullOrUndefined, isArray } = require('node:util');
      const seen = { name: '${name}', TF_FORCE_GPU_ALLOW_GROWTH, CUDA_VISIBLE_DEVICES, NVIDIA_TF32_OVERRIDE,
        shims: isNullOrUndefined(null) && !isNullOrUndefined(0) && isArray([]) };
      const backend = { isUsingGpuDevice: process.env.FAKE_GPU === '1', binding: { TF_Version: '2.9.1' } };
      module.exports = { seen, version_core: '4.22.0', setBackend: async () => true, backend: () => backend };`,
    );
  }

  function open(changes: Partial<DeviceRequest>, env: Record<string, string> = {}) {
    const code = `const { loadEngine } = require(${JSON.stringify(join(dist, 'engines.js'))});
      const request = ${JSON.stringify({ ...request, ...changes })};
      loadEngine(request.tfjsEngine, request)
        .then(({ tf, device, versions }) => ({ ...tf.seen, device, versions }))
        .catch(({ code, message }) => ({ code, message }))
        .then((answer) => console.log(JSON.stringify(answer)));`;
    return inChild(code, { NODE_PATH: folder, ...env });
  }

  test('the CPU engine hides the GPUs', () => {
    expect(open({ tfjsEngine: 'node' })).toMatchObject({
      name: 'tfjs-node',
      CUDA_VISIBLE_DEVICES: '-1',
      device: 'cpu',
      shims: true,
      versions: { tfjs: '4.22.0', tensorflow: '2.9.1' },
    });
  });

  test('the GPU engine lets memory grow, keeps TF32 off and sees the device asked for', () => {
    const answer = open({ tfjsEngine: 'node-gpu', device: 'cuda:1' }, { FAKE_GPU: '1' });
    expect(answer).toMatchObject({
      name: 'tfjs-node-gpu',
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      CUDA_VISIBLE_DEVICES: '1',
      NVIDIA_TF32_OVERRIDE: '0',
      device: 'cuda:1',
    });
  });

  test('a GPU engine that fell to the CPU is no GPU engine', () => {
    const { code, message } = open({ tfjsEngine: 'node-gpu', device: 'cuda' });
    expect(code).toBe('ERR_BACKEND_UNAVAILABLE');
    expect(message).toMatch(/found no GPU/);
  });

  test('one that is not installed: what to install', () => {
    const { code, message } = open({ tfjsEngine: 'node' }, { NODE_PATH: '' });
    if (code === undefined) return; // It is installed here.
    expect(code).toBe('ERR_BACKEND_UNAVAILABLE');
    expect(message).toMatch(/npm install @tensorflow\/tfjs-node/);
  });

  test('the two functions that tfjs-node wants are gone from Node 23 on', () => {
    const code = "const u = require('node:util'); console.log('isNullOrUndefined' in u, 'isArray' in u)";
    const printed = execFileSync(process.execPath, ['-e', code], { encoding: 'utf8' }).trim();
    const gone = Number(process.versions.node.split('.')[0]) >= 23;
    expect(printed).toBe(gone ? 'false false' : 'true true');
  });
});
