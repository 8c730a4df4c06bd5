/** The tfjs backend beside the conformance suite: loading, probing, refusals, memory, the end of the process. */
import { join } from 'node:path';
import type { DeviceRequest } from '../../../src/backend/contract';
import { loadEngine } from '../../../src/backend/tfjs/engines';
import { provider } from '../../../src/backend/tfjs/provider';
import type { Wasm } from '../../../src/backend/tfjs/wasm-memory';
import { sameBits } from '../../support/compare';
import { dense, planOf, randomExamples, randomState } from '../../support/plans';
import { inChild, run } from '../../support/script';

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

describe('the provider', () => {
  test('loads no tfjs when it is imported', () => {
    const code = `require(${JSON.stringify(join(dist, 'provider.js'))});
      console.log(JSON.stringify(Object.keys(require.cache).filter((file) => file.includes('@tensorflow'))))`;
    expect(inChild(code)).toEqual([]);
  });

  test('knows its engines, best first, and says what is missing and what to do', async () => {
    const candidates = await provider.probe();
    // Asked for one, it looks at that one only; wasm and plain JavaScript share a child.
    const looked = async (engine: string) => (await provider.probe(engine)).map((c) => c.engine);
    expect(await looked('wasm')).toEqual(['wasm', 'cpu']);
    expect(new Set(await looked('node'))).toEqual(new Set(['node']));
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

  test.each(['wasm', 'cpu'])('%s: models that nobody can reach leave no tensors behind', (engine) => {
    const code = `
      const { layers, sequential } = require(${JSON.stringify(join(dist, '../../index.js'))});
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      async function train() {
        const model = sequential([layers.dense(8, { inputShape: [4] })]);
        model.compile({ optimizer: 'adam', loss: 'mse', backend: 'tfjs', tfjsEngine: '${engine}', quiet: true });
        await model.fit([[1, 2, 3, 4]], [[1, 1, 1, 1, 1, 1, 1, 1]], { verbose: 0 });
      }
      (async () => {
        for (let i = 0; i < 20; i++) await train();
        const { memory } = require('@tensorflow/tfjs-core');
        const counts = [memory().numTensors];
        for (let i = 0; i < 20 && memory().numTensors > 0; i++) {
          gc();
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        console.log(JSON.stringify([...counts, memory().numTensors]));
      })();`;
    const [before, after] = inChild(code);
    // Six a model, but of those that were collected on the way.
    expect(before).toBeGreaterThan(0);
    expect(after).toBe(0);
  });
});

describe("WebAssembly's 4 GiB", () => {
  const wide = { ...plan, features: 20_000, layers: [dense(20_000, 20_000)], outputs: 20_000 };

  test('a plan that has no room there is refused before anything is allocated', async () => {
    const unsupported = async (tfjsEngine: 'wasm' | 'cpu', asked: typeof plan) =>
      (await provider.open({ ...request, tfjsEngine })).unsupported(asked);
    expect(await unsupported('wasm', wide)).toMatch(/4\.8 GB, WebAssembly has 4\.3 GB/);
    expect(await unsupported('cpu', wide)).toBeNull();
    expect(await unsupported('wasm', plan)).toBeNull();
  });

  test.each([
    ['more than all of it', 40_000, 0],
    ['more than is left', 20_000, 3e9],
  ])('%s: an error, after which all is as it was', async (_, width, taken) => {
    const { tf, tidy } = await loadEngine('wasm', request);
    const other = tidy(() => tf.fill([1000], 7));
    const { wasm } = tf.backend() as unknown as { wasm: Wasm };
    // Never written to, so nobody's memory is taken.
    const block = wasm._malloc(taken);
    expect(() => tidy(() => tf.fill([width, width], 1))).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_MEMORY' }),
    );
    expect(new Set(other.dataSync())).toEqual(new Set([7]));
    expect(tidy(() => tf.add(other, 1).dataSync()[999])).toBe(8);
    other.dispose();
    wasm._free(block);
  });
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

describe('what is thrown and caught by nobody, once wasm is loaded', () => {
  const ending = async (code: string) => {
    const load = `require(${JSON.stringify(join(dist, 'engines.js'))}).loadEngine('wasm', ${JSON.stringify(request)})`;
    return run(process.execPath, ['-e', `${load}.then(() => { ${code} });`]);
  };

  test('ends the process as it would without', async () => {
    const { status, stderr } = await ending("setTimeout(() => { throw new Error('mine'); })");
    expect(status).toBe(1);
    expect(stderr).toContain('Error: mine');
    expect(stderr).not.toContain('backend-wasm');
  });

  test("is the program's also while wasm is loaded", async () => {
    const { status, stdout, stderr } = await run(process.execPath, [
      '-e',
      `let caught = 0;
       process.on('uncaughtException', () => { caught++; });
       const throwing = setInterval(() => { throw new Error('mine'); }, 1);
       require(${JSON.stringify(join(dist, 'engines.js'))}).loadEngine('wasm', ${JSON.stringify(request)})
         .then(() => { clearInterval(throwing); console.log(caught > 0); });`,
    ]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'true\n', stderr: '' });
  });

  test("is the program's, where it listens", async () => {
    const ended = await ending(
      "process.on('unhandledRejection', (e) => console.log(e.message)); Promise.reject(new Error('mine'));",
    );
    expect(ended).toEqual({ status: 0, stdout: 'mine\n', stderr: '' });
  });
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
