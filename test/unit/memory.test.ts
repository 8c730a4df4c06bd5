import { writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { ndarray } from '../../src/data/ndarray';
import { availableMemory, bytesText, requireMemory } from '../../src/memory';
import { layers } from '../../src/model/layers';
import { fusor, WASM } from '../support/cli';
import { failure, referenceModel, SPARSE } from '../support/models';
import { temporaryFolder } from '../support/script';

const cwd = temporaryFolder();
const GB = 1e9;
afterEach(() => jest.restoreAllMocks());

/** From now on so much is there; the system's own count is another. */
function available(bytes: number): void {
  const told = process as unknown as { availableMemory: () => number };
  told.availableMemory ??= () => 0;
  jest.spyOn(told, 'availableMemory').mockReturnValue(bytes);
}

test('what is there is what the system says, within the limit of a container', () => {
  expect(availableMemory()).toBeGreaterThan(2 ** 20);
  available(3 * 2 ** 20);
  expect(availableMemory()).toBe(3 * 2 ** 20);
  available(2 ** 50);
  expect(availableMemory()).toBeLessThanOrEqual(2 ** 50);
  expect(availableMemory() / freemem()).toBeCloseTo(1, 0);
});

test('sizes for people', () => {
  expect([0, 999, 1000, 123_456_789, 4e12, 5e15].map(bytesText)).toEqual([
    '0 bytes',
    '999 bytes',
    '1.0 kB',
    '123.5 MB',
    '4.0 TB',
    '5000.0 TB',
  ]);
});

test('too much is refused with what it needs and what there is; FUSOR_MEMORY_CHECK=0 leaves it to the system', () => {
  available(GB);
  const check = () => requireMemory(2 * GB, 'the data', 'here', 'take less');
  expect(check).toThrow(
    expect.objectContaining({
      code: 'ERR_OUT_OF_MEMORY',
      message: 'the data need 2.0 GB of memory, 1.0 GB are free · here · take less',
      details: { needed: 2 * GB, available: GB },
    }),
  );
  requireMemory(GB, 'the data', 'here', '');
  process.env.FUSOR_MEMORY_CHECK = '0';
  try {
    check();
  } finally {
    delete process.env.FUSOR_MEMORY_CHECK;
  }
});

test('weights and slots are counted before they are drawn', async () => {
  available(GB);
  // 100 M parameters: 0.4 GB, with Adam's slots 1.2, twice for a moment.
  const wide = [layers.dense(10_000, { inputShape: [10_000] }), layers.dense(3, { activation: 'softmax' })];
  const before = process.memoryUsage().rss;
  for (const work of ['fit', 'getWeights', 'predict'] as const) {
    const model = referenceModel(wide);
    const x = ndarray(new Float32Array(10_000), [1, 10_000]);
    const call = () =>
      work === 'fit' ? model.fit(x, [1]) : work === 'predict' ? model.predict(x) : model.getWeights();
    const error = await failure(call());
    expect(error).toMatchObject({
      code: 'ERR_OUT_OF_MEMORY',
      message: expect.stringMatching(/the state of the optimizer need 2\.4 GB of memory, 1\.0 GB are free/),
    });
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 27);
  // What takes less goes.
  const sgd = referenceModel(
    wide.slice(1).map(() => layers.dense(3, { activation: 'softmax', inputShape: [4] })),
    {
      ...SPARSE,
      optimizer: 'sgd',
    },
  );
  await sgd.getWeights();
});

test('so are the data and the values of a batch', async () => {
  available(2 ** 27);
  const thin = () =>
    referenceModel([layers.dense(100, { inputShape: [1024] }), layers.dense(3, { activation: 'softmax' })]);
  const rows = 2 ** 17;
  const x = ndarray(new Uint8Array(rows * 1024 + 1024).subarray(0, rows * 1024), [rows, 1024]);
  const y = new Uint8Array(rows);
  expect(await failure(thin().fit(x, y))).toMatchObject({
    code: 'ERR_OUT_OF_MEMORY',
    message: expect.stringMatching(/^the training data need 134\.\d MB of memory, 134\.2 MB are free/),
  });
  available(2 ** 27 + 2 ** 22);
  expect(await failure(thin().fit(x, y, { batchSize: rows }))).toMatchObject({
    code: 'ERR_OUT_OF_MEMORY',
    message: expect.stringMatching(/^the values of a batch.*lower batchSize$/),
  });
});

test('on the command line: one line, exit 5, at once', async () => {
  const little = join(cwd, 'little.cjs');
  writeFileSync(little, 'process.availableMemory = () => 1e9;');
  const words = ['train', '--layers', '20000,4000', '--limit', '100', '--quiet', ...WASM];
  const { status, stderr } = await fusor(words, { cwd, env: { NODE_OPTIONS: `--require=${little}` } });
  expect(stderr).toMatch(
    /^error: the weights and the state of the optimizer need 2\.\d GB of memory, 1\.0 GB are free .*\[ERR_OUT_OF_MEMORY\]\n$/,
  );
  expect(status).toBe(5);
});
