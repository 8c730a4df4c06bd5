import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keptToTrain } from '../../../src/cli/train/kept';
import { keptBeside } from '../../../src/io/kept-data';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
const write = (folder: string, name: string, content: object) => {
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, name), JSON.stringify(content));
  return join(root, folder);
};

test('is found from a run, its model and its checkpoints', () => {
  const run = write('run', 'data.json', { classes: ['a', 'b'] });
  for (const model of ['.', 'model', 'model/model.json', 'checkpoints/step-000000001.safetensors'])
    expect(keptBeside(join(run, model))).toEqual({ classNames: ['a', 'b'] });
});

test("another program's data.json: refused in a run, or where it is named; else none of ours", () => {
  const project = write('project', 'data.json', { rows: [] });
  expect(keptBeside(join(project, 'net.keras'))).toEqual({});
  expect(() => keptBeside(project)).toThrow('neither the columns of a table nor names of classes');
  const run = write('damaged', 'data.json', {});
  write('damaged', 'environment.json', {});
  expect(() => keptBeside(join(run, 'model'))).toThrow('take it away, or train anew');
});

test('to train on: of the model, of a run that goes on its own, of new weights nothing', () => {
  const model = join(write('first', 'data.json', { classes: ['a', 'b', 'c'] }), 'model');
  const run = write('second', 'data.json', { classes: ['a', 'b'] });
  expect(keptToTrain(model)).toEqual({ classNames: ['a', 'b', 'c'] });
  expect(keptToTrain(model, run)).toEqual({ classNames: ['a', 'b'] });
  expect(keptToTrain(model, join(root, 'absent'))).toEqual({ classNames: ['a', 'b', 'c'] });
  expect(keptToTrain(join(model, 'model.json'), run)).toEqual({});
  expect(keptToTrain(undefined, run)).toEqual({});
});
