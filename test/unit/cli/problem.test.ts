import { join } from 'node:path';
import { problem } from '../../../src/cli/options';
import { buildModel, type Problem } from '../../../src/cli/train/problem';
import type { OwnData } from '../../../src/data/open-table';
import { layers, saveModel, sequential } from '../../../src/index';
import { failure } from '../../support/models';
import { temporaryFolder } from '../../support/script';

const folder = temporaryFolder();

const ACTIVATIONS = {
  categoricalCrossentropy: 'softmax',
  binaryCrossentropy: 'sigmoid',
  meanSquaredError: 'linear',
} as const;
type Loss = keyof typeof ACTIVATIONS;

/** Builds from a model of 3 inputs, for data of these. */
async function build(outputs: number, loss: Loss, columns: number, classes: number) {
  const model = sequential([layers.dense(outputs, { activation: ACTIVATIONS[loss], inputShape: [3] })]);
  model.compile({ optimizer: 'sgd', loss, backend: 'tfjs', tfjsEngine: 'cpu' });
  const path = join(folder, `${outputs}-${loss}`);
  await saveModel(model, path);
  await model.dispose();
  const rows = {
    x: { data: new Float32Array(columns), shape: [1, columns] },
    y: { data: new Float32Array(1), shape: [1] },
  };
  const data: OwnData = { name: 'mine', train: rows, sha256: '', classes, folder: '' };
  const settings = { model: path, optimizer: 'sgd', quiet: true } as unknown as Problem['settings'];
  const origins = { model: '--model', optimizer: 'default' } as Problem['origins'];
  for (const key of Object.keys(problem) as (keyof typeof problem)[]) origins[key] ??= 'default';
  await (await buildModel({ settings, origins }, data, 1)).dispose();
}

test.each<[number, Loss, number, number, string, string]>([
  [2, 'categoricalCrossentropy', 4, 2, 'ERR_SHAPE', 'takes rows of [3], not the [4] of mine'],
  [2, 'categoricalCrossentropy', 3, 5, 'ERR_LABEL_RANGE', 'tells 2 classes apart, not the 5 of mine'],
  [1, 'binaryCrossentropy', 3, 3, 'ERR_LABEL_RANGE', 'tells 2 classes apart, not the 3 of mine'],
  [2, 'categoricalCrossentropy', 3, 0, 'ERR_LABEL_RANGE', 'tells 2 classes apart, not the values of mine'],
])('a model of %i outputs, %s, refuses rows of %i numbers and %i classes', async (...all) => {
  const [outputs, loss, columns, classes, code, message] = all;
  const error = await failure(build(outputs, loss, columns, classes));
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
  expect(error.message).toMatch(/ · name data of that form with --data$/);
});

test.each<[number, Loss, number]>([
  [3, 'categoricalCrossentropy', 2],
  [1, 'binaryCrossentropy', 2],
  [1, 'meanSquaredError', 0],
])('a model of %i outputs, %s, takes %i classes', async (outputs, loss, classes) => {
  await build(outputs, loss, 3, classes);
});
