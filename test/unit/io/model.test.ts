import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../../src/data/digests';
import { readSafetensors, type Tensor, writeSafetensors } from '../../../src/files/safetensors';
import {
  convertModel,
  layers,
  loadModel,
  type Model,
  ndarray,
  saveModel,
  sequential,
} from '../../../src/index';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
let count = 0;
const fresh = () => join(root, `model-${count++}`);

function small(): Model {
  const model = sequential([
    layers.rescaling(1 / 255, { inputShape: [2, 2, 1] }),
    layers.flatten(),
    layers.dense(3, { activation: 'relu', name: 'hidden' }),
    layers.dense(2, { activation: 'softmax', useBias: false }),
  ]);
  const device = { backend: 'tfjs', tfjsEngine: 'cpu', quiet: true } as const;
  model.compile({
    optimizer: 'sgd',
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
    seed: 3,
    ...device,
  });
  return model;
}

const saved = join(root, 'saved');
let weights: Float32Array[];
beforeAll(async () => {
  const model = small();
  weights = (await model.getWeights()).map(({ data }) => data);
  await saveModel(model, saved);
});

/** A copy of the saved model with one file changed. */
function changed(name: string, change: (bytes: Buffer) => Uint8Array | string): string {
  const folder = fresh();
  cpSync(saved, folder, { recursive: true });
  writeFileSync(join(folder, name), change(readFileSync(join(folder, name))));
  return folder;
}

/** A copy with other tensors, its checksums right. */
function retensored(change: (tensors: Map<string, Tensor>) => void): string {
  return changed('weights.safetensors', (bytes) => {
    const { tensors, metadata } = readSafetensors(Uint8Array.from(bytes), 'x');
    change(tensors);
    const body = Buffer.concat(writeSafetensors(tensors).slice(1));
    return Buffer.concat(writeSafetensors(tensors, { ...metadata, sha256: sha256(body) }));
  });
}

const refusal = async (folder: string) => {
  const error = await loadModel(folder).then(
    () => undefined,
    (reason) => reason,
  );
  if (!error) throw new Error('it was accepted');
  expect(error.message).not.toContain('\n');
  return error as { code: string; message: string; details: Record<string, unknown> };
};

test('what is saved comes back: layers, training and weights', async () => {
  expect(readdirSync(saved).sort()).toEqual(['model.json', 'weights.safetensors']);
  const model = await loadModel(saved);
  expect(model.toJSON()).toEqual(small().toJSON());
  expect((await model.getWeights()).map(({ data }) => [...data])).toEqual(weights.map((data) => [...data]));
  const json = JSON.parse(readFileSync(join(saved, 'model.json'), 'utf8'));
  expect(json).toMatchObject({ format: 'fusor.model', version: 1, config: { className: 'Sequential' } });
});

test.each(['', '.safetensors', '.npz', '.keras'])(
  'the rate 0, where a schedule has ended, comes back from %p',
  async (ending) => {
    const model = small();
    model.learningRate = 0;
    const file = `${fresh()}${ending}`;
    await saveModel(model, file);
    const loaded = await loadModel(file);
    expect([loaded.learningRate, loaded.toJSON().compile?.loss.kind]).toEqual([0, 'categoricalCrossentropy']);
  },
);

test('of a run folder its model is loaded, unless one was saved into the folder itself', async () => {
  const run = fresh();
  mkdirSync(run);
  writeFileSync(join(run, 'config.json'), '{}');
  const early = await refusal(run);
  expect([early.code, early.message]).toEqual(['ERR_FILE_FORMAT', expect.stringContaining('no model yet')]);
  cpSync(saved, join(run, 'model'), { recursive: true });
  const model = await loadModel(run);
  expect((await model.getWeights()).map(({ data }) => [...data])).toEqual(weights.map((data) => [...data]));
  await convertModel(run, `${run}.keras`);
  await saveModel(sequential([layers.dense(2, { inputShape: [3] })], { name: 'other' }), run);
  expect((await loadModel(run)).name).toBe('other');
});

test('compile options can be replaced when it is loaded', async () => {
  const model = await loadModel(saved, { optimizer: 'adam', backend: 'tfjs' });
  expect(model.toJSON().compile).toMatchObject({
    optimizer: { kind: 'adam' },
    loss: { kind: 'categoricalCrossentropy' },
  });
});

test('it is saved over an older one', async () => {
  const folder = fresh();
  const model = small();
  await saveModel(model, folder);
  await model.setWeights([
    ndarray(new Float32Array(12).fill(1), [4, 3]),
    ndarray(new Float32Array(3).fill(2), [3]),
    ndarray(new Float32Array(6).fill(3), [3, 2]),
  ]);
  await saveModel(model, folder);
  expect((await (await loadModel(folder)).getWeights()).map(({ data }) => data[0])).toEqual([1, 2, 3]);
});

test('when a save ended between its two files, the weights know their model', async () => {
  const folder = fresh();
  const other = sequential([layers.dense(2, { inputShape: [3] })], { name: 'other' });
  await saveModel(other, folder);
  cpSync(join(saved, 'weights.safetensors'), join(folder, 'weights.safetensors'));
  const model = await loadModel(folder);
  expect(model.toJSON()).toEqual(small().toJSON());
});

describe('refused', () => {
  test.each<[string, () => string, string, string | RegExp]>([
    ['no folder', () => join(root, 'absent'), 'ERR_FILE_FORMAT', 'no such model file'],
    ['no model.json', () => changed('model.json', () => ''), 'ERR_FILE_FORMAT', 'not JSON'],
    ['an array', () => changed('model.json', () => '[]'), 'ERR_FILE_FORMAT', 'not a JSON object'],
    ['no format', () => changed('model.json', () => '{}'), 'ERR_FILE_FORMAT', 'its format is not told'],
    [
      'another format',
      () => changed('model.json', () => '{"format":"mlmodel"}'),
      'ERR_FILE_FORMAT',
      'mlmodel',
    ],
    [
      'a newer version',
      () => changed('model.json', (b) => b.toString().replace('"version": 1', '"version": 2')),
      'ERR_FILE_FORMAT',
      'version 2',
    ],
    [
      'an edited configuration',
      () => changed('model.json', (b) => b.toString().replace('"units": 3', '"units": 4')),
      'ERR_FILE_FORMAT',
      'changed since',
    ],
    [
      'a missing, a renamed and a wrong tensor, all in one error',
      () =>
        retensored((tensors) => {
          tensors.delete('hidden/bias');
          tensors.set('extra', { shape: [1], data: new Float32Array(1) });
          tensors.set('dense/kernel', { shape: [2, 3], data: new Float32Array(6) });
        }),
      'ERR_FILE_FORMAT',
      /hidden\/bias is missing; dense\/kernel is \[2,3\], the model needs \[3,2\]; extra is too many/,
    ],
    [
      'weights of whole numbers',
      () => retensored((tensors) => tensors.set('hidden/bias', { shape: [3], data: new Int32Array(3) })),
      'ERR_DTYPE_UNSUPPORTED',
      'hidden/bias is of I32',
    ],
    [
      'a weight that is not finite',
      () =>
        retensored((tensors) =>
          tensors.set('hidden/bias', { shape: [3], data: Float32Array.of(0, Number.NaN, 0) }),
        ),
      'ERR_NONFINITE_WEIGHTS',
      'NaN in tensor hidden/bias, element 1',
    ],
  ])('%s', async (_, make, code, message) => {
    const error = await refusal(make());
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  test('more than ten faults are counted', async () => {
    const folder = retensored((tensors) => {
      for (let i = 0; i < 15; i++) tensors.set(`extra${i}`, { shape: [0], data: new Float32Array(0) });
    });
    const { message, details } = await refusal(folder);
    expect(message).toContain('and 5 more');
    expect(details.faults).toHaveLength(15);
  });

  test('a model whose weights are not finite is not saved', async () => {
    const model = small();
    const bad = weights.map((data) => Float32Array.from(data));
    const shapes = [[4, 3], [3], [3, 2]];
    bad[0][5] = Number.POSITIVE_INFINITY;
    const folder = fresh();
    const save = async () => {
      await model.setWeights(bad.map((data, i) => ndarray(data, shapes[i])));
      await saveModel(model, folder);
    };
    await expect(save()).rejects.toMatchObject({ code: 'ERR_NONFINITE_WEIGHTS' });
    expect(existsSync(folder)).toBe(false);
  });

  test('weights cut at every byte', async () => {
    const bytes = readFileSync(join(saved, 'weights.safetensors'));
    const folder = changed('weights.safetensors', (b) => b);
    for (let length = 0; length < bytes.length; length += length < 64 ? 1 : 7) {
      writeFileSync(join(folder, 'weights.safetensors'), bytes.subarray(0, length));
      expect((await refusal(folder)).code).toMatch(/^ERR_FILE_(HEADER|FORMAT)$/);
    }
  });
});

test('every flipped bit is found, or changes nothing that matters', async () => {
  const bytes = readFileSync(join(saved, 'weights.safetensors'));
  const folder = changed('weights.safetensors', (b) => b);
  const expected = small().toJSON();
  let harmless = 0;
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at] ^= 1 << (at % 8);
    writeFileSync(join(folder, 'weights.safetensors'), flipped);
    const loaded = await loadModel(folder).catch((error) => {
      expect(error.code).toMatch(/^ERR_/);
      return undefined;
    });
    if (!loaded) continue;
    harmless++;
    expect(loaded.toJSON()).toEqual(expected);
    expect((await loaded.getWeights()).map(({ data }) => [...data])).toEqual(
      weights.map((data) => [...data]),
    );
  }
  // The version of fusor that wrote it, and the names of the keys for it.
  expect(harmless).toBeLessThan(40);
});

test('a folder for it is made', async () => {
  const folder = join(fresh(), 'a', 'b');
  await saveModel(small(), folder);
  expect(existsSync(join(folder, 'model.json'))).toBe(true);
  const file = fresh();
  writeFileSync(file, '');
  await expect(saveModel(small(), join(file, 'x'))).rejects.toMatchObject({ code: 'ERR_IO' });
});

test('weights that are a link to the outside are not followed', async () => {
  const folder = fresh();
  cpSync(saved, folder, { recursive: true });
  const weights = join(folder, 'weights.safetensors');
  rmSync(weights);
  symlinkSync('/etc/hostname', weights);
  await expect(loadModel(folder)).rejects.toMatchObject({ code: 'ERR_PATH_ESCAPE' });
});
