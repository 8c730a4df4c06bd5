/** Files of TensorFlow.js that fusor wrote, damaged: nothing is read from them but what was written. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layers, loadModel, saveModel, sequential } from '../../../../src/index';
import { objectOf } from '../../../../src/io/model-files';
import { figure } from '../../../support/figures';
import { temporaryFolder } from '../../../support/script';

const root = temporaryFolder();
const saved = join(root, 'saved');
const copy = join(root, 'copy');
const NAMES = ['model.json', 'weights.bin'] as const;
let expected: string;

const contentOf = async (folder: string) => {
  const model = await loadModel(folder);
  return JSON.stringify([model.toJSON(), (await model.getWeights()).map(({ data }) => [...data])]);
};

beforeAll(async () => {
  const model = sequential([
    layers.rescaling(1 / 255, { inputShape: [3], offset: 0.25 }),
    layers.dense(4, { activation: 'relu' }),
    layers.dropout(0.25),
    layers.dense(2, { activation: 'softmax' }),
  ]);
  model.compile({ optimizer: 'rmsprop', loss: 'categoricalCrossentropy', metrics: ['accuracy'], seed: 1 });
  await saveModel(model, saved, { format: 'tfjs' });
  cpSync(saved, copy, { recursive: true });
  expected = await contentOf(saved);
});

/** Whether a copy with these bytes in one file is refused; what is not must hold what was written. */
async function refuses(name: string, bytes: Uint8Array): Promise<boolean> {
  writeFileSync(join(copy, name), bytes);
  const content = await contentOf(copy).catch((error) => {
    expect(error.code).toMatch(/^ERR_/);
    return undefined;
  });
  if (content !== undefined) expect(content).toBe(expected);
  return content === undefined;
}

test('cut at every byte', async () => {
  const json = readFileSync(join(saved, 'model.json'));
  // The last byte ends the last line.
  for (let length = 0; length < json.length - 1; length++)
    expect(() => objectOf(json.subarray(0, length), 'model.json')).toThrow('not JSON');
  const weights = readFileSync(join(saved, 'weights.bin'));
  for (let length = 0; length < weights.length; length++)
    expect(await refuses('weights.bin', weights.subarray(0, length))).toBe(true);
  writeFileSync(join(copy, 'weights.bin'), weights);
  figure('cut files refused', json.length - 1 + weights.length);
});

test.each(NAMES)('%s with a bit of every byte flipped', async (name) => {
  const bytes = readFileSync(join(saved, name));
  let harmless = 0;
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at] ^= 1 << (at % 8);
    if (!(await refuses(name, flipped))) harmless++;
  }
  writeFileSync(join(copy, name), bytes);
  // Blanks that stay blanks, the name of the writer, and the keys of what only we read.
  expect(harmless).toBeLessThan(name === 'model.json' ? 200 : 1);
  figure('flipped bits found or harmless', bytes.length);
});
