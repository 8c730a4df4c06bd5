import fs, { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { RunFolder } from '../../../src/runs/run-folder';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
const at = new Date('2025-03-04T05:06:07.890Z');
const epoch = {
  epoch: 0,
  loss: 0.5,
  accuracy: 0.75,
  valLoss: 0.25,
  valAccuracy: 0.875,
  seconds: 1.5,
  memoryBytes: 2 ** 27,
};
const read = (folder: RunFolder, name: string) => readFileSync(join(folder.path, name), 'utf8');

let back: string;
beforeEach(() => {
  back = process.cwd();
  process.chdir(root);
});
afterEach(() => {
  process.chdir(back);
  jest.restoreAllMocks();
});

test('by default it is named for the data and the time, never the same twice', async () => {
  const folders = await Promise.all([1, 2, 3].map(() => RunFolder.create(undefined, 'my data', at)));
  const names = folders.map(({ path }) => basename(path)).sort();
  expect(names).toEqual([
    'my-data-20250304-050607',
    'my-data-20250304-050607-2',
    'my-data-20250304-050607-3',
  ]);
  expect(readdirSync(join(root, 'runs')).sort()).toEqual(names);
});

test('a folder that holds something is refused; temp files of a crash are not something', async () => {
  mkdirSync(join(root, 'used'));
  writeFileSync(join(root, 'used', 'x'), '');
  await expect(RunFolder.create('used', 'mnist')).rejects.toMatchObject({ code: 'ERR_ARG' });
  mkdirSync(join(root, 'stale'));
  writeFileSync(join(root, 'stale', '.config.json.99999999.tmp'), '');
  expect((await RunFolder.create('stale', 'mnist')).path).toBe(join(root, 'stale'));
  await expect(RunFolder.create(join('used', 'x', 'y'), 'mnist')).rejects.toMatchObject({ code: 'ERR_IO' });
});

test('a column that comes later is there for all epochs', async () => {
  const folder = await RunFolder.create('later', 'mnist');
  await folder.rewind([epoch], undefined);
  folder.appendEpoch({ ...epoch, epoch: 1 });
  folder.appendEpoch({ ...epoch, epoch: 2, learningRate: 0.5 } as typeof epoch);
  folder.appendEpoch({ ...epoch, epoch: 3, learningRate: Number.NaN } as typeof epoch);
  folder.close();
  const rows = read(folder, 'history.csv').trimEnd().split('\n');
  expect(rows.map((row) => row.split(',')[2])).toEqual(['learning_rate', 'NA', 'NA', '0.5', 'NA']);
});

test('one line an epoch, as JSON and as the CSVLogger of Keras writes it', async () => {
  const folder = await RunFolder.create('lines', 'mnist');
  folder.appendEpoch(epoch);
  folder.appendEpoch({ ...epoch, epoch: 1, valLoss: null });
  folder.close();
  folder.close();
  expect(
    read(folder, 'metrics.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([epoch, { ...epoch, epoch: 1, valLoss: null }]);
  expect(read(folder, 'history.csv')).toBe(
    'epoch,accuracy,loss,val_accuracy,val_loss\n0,0.75,0.5,0.875,0.25\n1,0.75,0.5,0.875,NA\n',
  );
});

test('the losses of steps, numbered through', async () => {
  const folder = await RunFolder.create('steps', 'mnist');
  folder.appendSteps(0, Float32Array.of(1, 0.5));
  folder.appendSteps(2, new Float32Array(0));
  folder.appendSteps(2, Float32Array.of(0.25));
  folder.close();
  expect(read(folder, 'steps.jsonl')).toBe(
    '{"step":0,"loss":1}\n{"step":1,"loss":0.5}\n{"step":2,"loss":0.25}\n',
  );
});

test('a line that does not fit on the disk leaves no half of it', async () => {
  const folder = await RunFolder.create('full', 'mnist');
  folder.appendEpoch(epoch);
  const whole = read(folder, 'metrics.jsonl');
  const { writeSync } = fs;
  let calls = 0;
  jest.spyOn(fs, 'writeSync').mockImplementation(((fd: number, bytes: Buffer, offset: number) => {
    // Half of it fits, then nothing more.
    if (calls++ === 0) return writeSync(fd, bytes, offset, 20);
    throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
  }) as typeof writeSync);
  expect(() => folder.appendEpoch({ ...epoch, epoch: 1 })).toThrow(
    expect.objectContaining({ code: 'ERR_IO' }),
  );
  jest.restoreAllMocks();
  expect(calls).toBe(2);
  expect(read(folder, 'metrics.jsonl')).toBe(whole);
  folder.appendEpoch({ ...epoch, epoch: 1 });
  folder.close();
  expect(read(folder, 'metrics.jsonl').split('\n')).toHaveLength(3);
});
