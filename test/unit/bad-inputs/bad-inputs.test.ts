/** Every bad input of the table: its code, where it is and what to do about it, on one line, at once. */

import { isFusorError } from '../../../src/index';
import { hdf5 } from '../../../src/io/keras/hdf5';
import type { BadInput } from '../../support/bad-inputs';
import { figure } from '../../support/figures';
import { labelled, referenceModel } from '../../support/models';
import { temporaryFolder } from '../../support/script';
import { badArguments } from './arguments';
import { badData } from './data';
import { badArchives } from './keras';
import { badModels, badTensors } from './models';
import { badOwn } from './own';
import { badSets } from './sets';
import { badTfjs } from './tfjs';

const root = temporaryFolder();
afterAll(() => hdf5.close());
const MOST_MILLISECONDS = 2000;

/** What is wrong with how it was refused; nothing when all is well. */
async function faultsOf({ name, attempt, code, place, cure }: BadInput): Promise<string[]> {
  const began = process.cpuUsage();
  let error: unknown;
  try {
    await attempt();
    return [`${name}: it was taken`];
  } catch (reason) {
    error = reason;
  }
  // Of the processor: what waits for ever ends with the test's time.
  const { user, system } = process.cpuUsage(began);
  const took = (user + system) / 1000;
  if (!isFusorError(error)) return [`${name}: ${(error as Error).stack}`];
  const { message } = error;
  const has = (part: string | RegExp) =>
    typeof part === 'string' ? message.includes(part) : part.test(message);
  return [
    new RegExp(`^(${code})$`).test(error.code) || `${name}: ${error.code}, not ${code}: ${message}`,
    has(place) || `${name}: no place "${place}" in: ${message}`,
    has(cure) || `${name}: no cure "${cure}" in: ${message}`,
    (!message.includes('\n') && message.length < 2000) ||
      `${name}: more than a line: ${message.slice(0, 200)}`,
    took < MOST_MILLISECONDS || `${name}: it took ${took} ms`,
  ].filter((fault) => typeof fault === 'string');
}

async function expectRefused(table: BadInput[]): Promise<void> {
  const names = table.map(({ name }) => name);
  expect(names.filter((name, i) => names.indexOf(name) < i)).toEqual([]);
  const faults: string[] = [];
  for (const input of table) faults.push(...(await faultsOf(input)));
  expect(faults).toEqual([]);
  figure('bad inputs refused', table.length);
}

test('data files', () => expectRefused(badData(root)));
test('files of data sets', () => expectRefused(badSets(root)));
test("data of the user's own", () => expectRefused(badOwn(root)));
test('tensors', () => expectRefused(badTensors()));
test('model files', async () => expectRefused(await badModels(root)));
test('archives of Keras and numpy', async () => expectRefused(await badArchives(root)));
test('files of TensorFlow.js', () => expectRefused(badTfjs(root)));

test('arguments, after which the model is as it was', async () => {
  const model = referenceModel();
  const { x, y } = labelled(12);
  await model.fit(x, y, { epochs: 1, verbose: 0, seed: 1 });
  const before = await model.readState();
  await expectRefused(badArguments(model));
  expect(await model.readState()).toEqual(before);
  await model.fit(x, y, { epochs: 1, verbose: 0, seed: 1 });
  await model.predict(x);
});

test('the table sees what is wrong with a refusal', async () => {
  const fail = (message: string) => () => {
    throw Object.assign(new Error(message), { code: 'ERR_ARG' });
  };
  const row = { name: 'x', code: 'ERR_ARG', place: 'here', cure: 'mend' };
  expect(await faultsOf({ ...row, attempt: fail('what · here · mend') })).toEqual([]);
  for (const attempt of [
    fail('what · here'),
    fail('what · mend'),
    fail('here\nmend'),
    () => 0,
    () => JSON.parse('{'),
  ])
    expect(await faultsOf({ ...row, attempt })).not.toEqual([]);
  expect(await faultsOf({ ...row, code: 'ERR_SHAPE', attempt: fail('here mend') })).not.toEqual([]);
});
