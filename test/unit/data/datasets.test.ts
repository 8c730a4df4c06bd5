import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cacheFolder } from '../../../src/cache-folder';
import { dataFolder } from '../../../src/data/cache';
import { datasets, type ImageDataset, isOwnFolder, loadDataset } from '../../../src/data/datasets';
import { MNIST, md5, sha256 } from '../../../src/data/digests';
import { findDataset, locateDataset } from '../../../src/data/registry';
import type { LabelledRows } from '../../../src/index';
import { FILES, idxBytes, idxPair, writeIdxFolder } from '../../support/idx';
import { temporaryFolder } from '../../support/script';

const loadArrays = (...given: Parameters<typeof loadDataset>) =>
  loadDataset(...given) as Promise<ImageDataset>;

const folder = temporaryFolder();
let count = 0;
const fresh = () => join(folder, `set-${count++}`);

const rejection = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  if (!error) throw new Error('it was accepted');
  return error as { code: string; message: string; details: Record<string, unknown> };
};

describe('mnist', () => {
  test('is the published set, whole and quick', async () => {
    const began = performance.now();
    const { name, train, test, classes, sha256: digest } = await datasets.mnist();
    const milliseconds = performance.now() - began;
    expect({ name, classes }).toEqual({ name: 'mnist', classes: 10 });
    expect([train.x.shape, train.y.shape, test.x.shape, test.y.shape]).toEqual([
      [60000, 28, 28, 1],
      [60000],
      [10000, 28, 28, 1],
      [10000],
    ]);
    // The first labels of the set, as in every publication of it.
    expect([...train.y.data.subarray(0, 8)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3]);
    expect(digest).toBe('d0a3eec1f5a454401d758fdbf15b9b0163a7034963586d671960c180b97e2c1a');
    // 70 ms on two cores; a busy machine gets time.
    expect(milliseconds).toBeLessThan(2000);
  });

  test('both digests of each file are those of the same bytes', () => {
    const found = locateDataset(findDataset('mnist'));
    for (const { name, ...digests } of Object.values(MNIST)) {
      const bytes = readFileSync(join(found, name));
      expect({ md5: md5(bytes), sha256: sha256(bytes) }).toEqual(digests);
    }
  });

  test('a limit takes the first rows without copying; the digest stays that of the set', async () => {
    const { train, test, sha256: digest } = await datasets.mnist({ limit: 5 });
    expect([train.x.shape, test.y.shape]).toEqual([[5, 28, 28, 1], [5]]);
    expect(train.x.data.length).toBe(5 * 784);
    expect(digest).toBe('d0a3eec1f5a454401d758fdbf15b9b0163a7034963586d671960c180b97e2c1a');
  });

  test.each([0, -1, 1.5, Number.NaN])('limit %p is refused', async (limit) => {
    expect((await rejection(datasets.mnist({ limit }))).code).toBe('ERR_ARG');
  });

  test('another content under its name is refused', async () => {
    const dataDir = writeIdxFolder(fresh());
    const { code, details } = await rejection(datasets.mnist({ dataDir }));
    expect(code).toBe('ERR_DATA_DIGEST');
    expect(details.expected).toBe(MNIST.trainImages.sha256);
    expect((await rejection(datasets.mnist({ dataDir: fresh(), offline: true }))).code).toBe(
      'ERR_DATA_MISSING',
    );
  });

  test('one flipped bit is found', async () => {
    const dataDir = fresh();
    cpSync(locateDataset(findDataset('mnist')), dataDir, { recursive: true });
    const file = join(dataDir, FILES.testImages);
    const bytes = readFileSync(file);
    bytes[5_000_000] ^= 1;
    writeFileSync(file, bytes);
    const { code, message } = await rejection(datasets.mnist({ dataDir }));
    expect(code).toBe('ERR_DATA_DIGEST');
    expect(message).toContain(file);
  });

  test('is found where torchvision keeps it', () => {
    const dataDir = fresh();
    const raw = writeIdxFolder(join(dataDir, 'MNIST', 'raw'));
    expect(locateDataset(findDataset('mnist'), { dataDir })).toBe(raw);
  });
});

describe('a folder of the user', () => {
  test('is read as it is, plain or packed', async () => {
    const path = writeIdxFolder(fresh());
    const file = join(path, FILES.trainImages);
    const plain = await loadArrays(path);
    writeFileSync(file, gzipSync(readFileSync(file)));
    const packed = await loadArrays(path);
    expect(plain.train.x.shape).toEqual([30, 4, 4, 1]);
    expect(plain.classes).toBe(3);
    expect(packed.sha256).toBe(plain.sha256);
    expect(packed.train.x.data).toEqual(plain.train.x.data);
  });

  test('rows to validate with come from those that train, at random, the same of each class', async () => {
    const {
      train,
      validation,
      test: held,
    } = await loadDataset(writeIdxFolder(fresh()), {
      validation: 0.2,
      seed: 1,
    });
    const [kept, taken] = [train, validation].map((rows) => rows as LabelledRows);
    expect([kept.x.shape, taken.x.shape, (held as LabelledRows).x.shape]).toEqual([
      [24, 4, 4, 1],
      [6, 4, 4, 1],
      [12, 4, 4, 1],
    ]);
    expect([...taken.y.data].sort()).toEqual([0, 0, 1, 1, 2, 2]);
    // Every pixel of an image is its number: each row is there once.
    const numbers = [kept, taken].flatMap(({ x }) => [...x.data].filter((_, i) => i % 16 === 0));
    expect(numbers.sort((a, b) => a - b)).toEqual([...Array(30).keys()]);
  });

  test('fewer labels than images: both files and counts are named', async () => {
    const path = writeIdxFolder(fresh(), { trainLabels: idxPair(29).labels });
    const { code, message } = await rejection(loadDataset(path));
    expect(code).toBe('ERR_DATA_MISMATCH');
    expect(message).toMatch(/30 images but 29 labels.*train-images.*train-labels/);
  });

  test('images of two sizes', async () => {
    const path = writeIdxFolder(fresh(), { testImages: idxPair(12, 5).images });
    expect((await rejection(loadDataset(path))).code).toBe('ERR_DATA_MISMATCH');
  });

  test('a label out of range, with its index; the number of classes can be given', async () => {
    const labels = Uint8Array.from({ length: 30 }, (_, i) => (i === 17 ? 200 : i % 3));
    const path = writeIdxFolder(fresh(), { trainLabels: idxBytes([30], labels) });
    const { code, details } = await rejection(loadDataset(path));
    expect(code).toBe('ERR_LABEL_RANGE');
    expect(details).toMatchObject({ index: 17, value: 200, classes: 3 });
    expect((await loadArrays(path, { classes: 201 })).classes).toBe(201);
    expect((await rejection(loadDataset(path, { classes: 200 }))).details.index).toBe(17);
  });

  test('a test label that no training label has', async () => {
    const path = writeIdxFolder(fresh(), { testLabels: idxBytes([12], new Uint8Array(12).fill(3)) });
    const { code, message } = await rejection(loadDataset(path));
    expect(code).toBe('ERR_LABEL_RANGE');
    expect(message).toContain(FILES.testLabels);
  });

  test('missing files are all named', async () => {
    const path = fresh();
    mkdirSync(path);
    writeFileSync(join(path, FILES.trainImages), idxPair(3).images);
    const { code, details } = await rejection(loadDataset(path));
    expect(code).toBe('ERR_DATA_MISSING');
    expect(details.missing).toEqual([FILES.trainLabels, FILES.testImages, FILES.testLabels]);
  });

  test('names and paths are told apart', async () => {
    expect(isOwnFolder('mnist')).toBe(false);
    expect(isOwnFolder('./mnist')).toBe(true);
    expect((await rejection(loadDataset('mnits'))).message).toContain('did you mean mnist?');
    expect((await rejection(loadDataset('./nowhere'))).code).toBe('ERR_DATA_MISSING');
  });

  test.each([
    ['mnits', 'ERR_ARG', "no data set, file or folder 'mnits' · did you mean mnist?"],
    [
      'nope',
      'ERR_DATA_MISSING',
      "no data set, file or folder 'nope' · name a file or folder, or one of mnist",
    ],
    ['mnist.csv', 'ERR_DATA_MISSING', `no such file or folder of data · ${resolve('mnist.csv')}`],
    ['up/mnist', 'ERR_DATA_MISSING', `no such file or folder of data · ${resolve('up/mnist')}`],
  ])('%s, which is nowhere', async (name, code, message) => {
    const error = await rejection(loadDataset(name));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
  });
});

test('the folders for data and cache', () => {
  expect(cacheFolder({ XDG_CACHE_HOME: '/x' })).toBe('/x/fusor');
  expect(cacheFolder({ FUSOR_CACHE: '/c', XDG_CACHE_HOME: '/x' })).toBe('/c');
  expect(cacheFolder({ XDG_CACHE_HOME: 'relative' })).toMatch(/\.cache\/fusor$/);
  expect(dataFolder(undefined, { FUSOR_DATA: '/d' })).toBe('/d');
  expect(dataFolder('/given', { FUSOR_DATA: '/d' })).toBe('/given');
  expect(dataFolder(undefined, { XDG_CACHE_HOME: '/x' })).toBe('/x/fusor');
});
