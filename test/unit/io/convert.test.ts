import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Tensor, writeSafetensors } from '../../../src/files/safetensors';
import { convertModel, layers, loadModel, saveModel, sequential } from '../../../src/index';
import { failure } from '../../support/models';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
let count = 0;
const fresh = () => join(root, `model-${count++}`);
const stack = [layers.dense(2, { inputShape: [2], name: 'a' }), layers.dense(1, { name: 'b' })];

/** A folder as another program may leave it: no checksums, tensors in another order, float64. */
function foreign(change: (tensors: Map<string, Tensor>) => void = () => {}): string {
  const folder = fresh();
  mkdirSync(folder);
  writeFileSync(join(folder, 'model.json'), JSON.stringify(sequential(stack).toJSON()));
  const tensors = new Map<string, Tensor>([
    ['b/bias', { shape: [1], data: Float64Array.of(0.1) }],
    ['b/kernel', { shape: [2, 1], data: Float32Array.of(5, 6) }],
    ['a/bias', { shape: [2], data: Float32Array.of(-0, 3) }],
    ['a/kernel', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
  ]);
  change(tensors);
  writeFileSync(join(folder, 'weights.safetensors'), Buffer.concat(writeSafetensors(tensors)));
  return folder;
}
const nan = () =>
  foreign((tensors) => tensors.set('a/bias', { shape: [2], data: Float32Array.of(0, Number.NaN) }));
const valuesOf = async (path: string) =>
  (await (await loadModel(path)).getWeights()).map(({ data }) => [...data]);

test.each([
  ['tfjs', {}],
  ['x.safetensors', {}],
  ['fusor', { to: 'fusor' as const }],
])('weights of any order and float type: to %s', async (name, options) => {
  const destination = join(fresh(), name);
  await convertModel(foreign(), destination, options);
  expect(await valuesOf(destination)).toEqual([[1, 2, 3, 4], [-0, 3], [5, 6], [Math.fround(0.1)]]);
});

test('weights that are NaN: refused, or taken where that is asked for', async () => {
  const destination = fresh();
  expect((await failure(convertModel(nan(), destination))).code).toBe('ERR_NONFINITE_WEIGHTS');
  expect(existsSync(destination)).toBe(false);
  await convertModel(nan(), destination, { allowNonfinite: true });
  const bytes = readFileSync(join(destination, 'weights.bin'));
  expect(new Float32Array(Uint8Array.from(bytes).buffer)[5]).toBeNaN();
  expect((await failure(loadModel(destination))).code).toBe('ERR_NONFINITE_WEIGHTS');
});

test.each([
  ['a format that is not written', 'x.pb', {}, 'ERR_ARG'],
  ['the file that is in a folder', 'model.json', {}, 'ERR_ARG'],
  ['one file of TensorFlow.js', 'x.safetensors', { to: 'tfjs' }, 'ERR_ARG'],
  ['a folder that holds something', '.', {}, 'ERR_ARG'],
  ['a format that is none', 'x', { to: 'tfj' }, 'ERR_ARG'],
])('%s is refused before anything is read', async (_, name, options, code) => {
  const destination = join(root, name);
  const error = await failure(convertModel(join(root, 'absent'), destination, options as never));
  expect(error.code).toBe(code);
  if (name !== '.') expect(existsSync(destination)).toBe(false);
});

test('what links lead to is never written', async () => {
  const outside = join(root, 'outside');
  writeFileSync(outside, 'mine');
  for (const format of ['fusor', 'tfjs'] as const) {
    const folder = fresh();
    mkdirSync(folder);
    for (const name of ['model.json', 'weights.bin', 'weights.safetensors'])
      symlinkSync(outside, join(folder, name));
    await saveModel(sequential(stack), folder, { format });
    await loadModel(folder);
  }
  expect(readFileSync(outside, 'utf8')).toBe('mine');
});
