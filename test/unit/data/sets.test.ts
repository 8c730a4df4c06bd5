import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ImageDataset, loadDataset } from '../../../src/data/datasets';
import { kerasFolder } from '../../../src/data/places';
import { datasetNames, findDataset, locateDataset } from '../../../src/data/registry';
import { datasets } from '../../../src/index';
import { cifarFiles, IMDB_FILES, writeFiles } from '../../support/data-sets';
import { temporaryFolder } from '../../support/script';
import { testUnless } from '../../support/skip';

const loadArrays = (...given: Parameters<typeof loadDataset>) =>
  loadDataset(...given) as Promise<ImageDataset>;

const folder = temporaryFolder();
let count = 0;
const fresh = () => join(folder, `set-${count++}`);

test('four data sets are known by name', () => {
  expect(datasetNames()).toEqual(['mnist', 'fashion-mnist', 'cifar10', 'imdb']);
});

describe('Fashion-MNIST', () => {
  const debian = '/usr/share/datasets/fashion-mnist';
  const absent = existsSync(debian)
    ? undefined
    : "Fashion-MNIST is not here: Debian's package dataset-fashion-mnist has it";
  testUnless(absent)('is the published set where Debian puts it', async () => {
    const { train, test: held, classes, classNames, sha256: digest } = await datasets.fashionMnist();
    expect([train.x.shape, held.x.shape, classes]).toEqual([[60000, 28, 28, 1], [10000, 28, 28, 1], 10]);
    expect([...train.y.data.subarray(0, 4)].map((label) => classNames?.[label])).toEqual([
      'Ankle boot',
      'T-shirt/top',
      'T-shirt/top',
      'Dress',
    ]);
    expect(digest).toBe('5cf0562c46b89a77940b86f40a9a4325e7bed59d53ec555c4d14f0bed41ca53a');
    for (const { ok } of findDataset('fashion-mnist').verify(debian)) expect(ok).toBe(true);
  });

  test('MNIST under its name is refused', async () => {
    const dataDir = fresh();
    cpSync(locateDataset(findDataset('mnist')), dataDir, { recursive: true });
    const loading = datasets.fashionMnist({ dataDir, offline: true });
    await expect(loading).rejects.toMatchObject({ code: 'ERR_DATA_DIGEST' });
  });
});

describe('CIFAR-10', () => {
  test('planes become pixels; the sixth file tests', async () => {
    const path = writeFiles(fresh(), cifarFiles(12));
    const { train, test: held, classes, classNames } = await loadArrays(path);
    expect([train.x.shape, held.x.shape, classes]).toEqual([[60, 32, 32, 3], [12, 32, 32, 3], 10]);
    expect([...train.y.data.subarray(9, 13)]).toEqual([9, 0, 1, 0]);
    // Image 2 of the second file, row 5, column 7.
    expect([...train.x.data.subarray(14 * 3072 + (5 * 32 + 7) * 3).subarray(0, 3)]).toEqual([2, 7, 5]);
    expect(classNames?.[6]).toBe('frog');
    const few = await loadArrays(path, { limit: 14 });
    expect([few.train.y.shape, few.test.y.shape]).toEqual([[14], [12]]);
    expect([...few.train.x.data]).toEqual([...train.x.data.subarray(0, 14 * 3072)]);
  });

  test('by name it must be the published one', async () => {
    const dataDir = fresh();
    writeFiles(join(dataDir, 'cifar-10-batches-bin'), cifarFiles());
    await expect(datasets.cifar10({ dataDir, offline: true })).rejects.toMatchObject({
      code: 'ERR_DATA_DIGEST',
      details: { expected: 'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5' },
    });
    expect(findDataset('cifar10').verify(join(dataDir, 'cifar-10-batches-bin'))[0].ok).toBe(false);
  });

  const real = place('cifar10');
  testUnless(real ? undefined : 'CIFAR-10 is not here: fusor data fetch cifar10')(
    'the real one',
    async () => {
      const { train } = await datasets.cifar10({ offline: true });
      expect(
        Array.from({ length: 10 }, (_, k) => train.y.data.filter((label) => label === k).length),
      ).toEqual(Array(10).fill(5000));
    },
  );
});

describe('IMDB', () => {
  test('the most frequent words of training, as 0 or 1', async () => {
    const path = writeFiles(fresh(), IMDB_FILES);
    const { train, test: held, classes, scale } = await loadArrays(path);
    const set = await datasets.imdb({ dataDir: path, words: 3 });
    // Counted in training: good 7, bad 6, the 4.
    expect(set.words).toEqual(['good', 'bad', 'the']);
    expect([...set.train.x.data]).toEqual([1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0]);
    expect([...set.train.y.data, ...set.test.y.data]).toEqual([1, 1, 0, 0, 1, 0]);
    expect([train.x.shape, held.x.shape, classes, scale]).toEqual([[4, 5], [2, 5], 2, 1]);
    // They lie in two blocks: a part of them has both.
    expect([...(await loadArrays(path, { limit: 2 })).train.y.data].sort()).toEqual([0, 1]);
  });

  test('a byte order mark, CRLF, an empty review, a missing last newline and one too many are taken', async () => {
    const feat = '\ufeff9 0:3\r\n1\r\n10 4:1';
    for (const end of ['', '\r\n\r\n']) {
      const path = writeFiles(fresh(), { ...IMDB_FILES, 'train/labeledBow.feat': feat + end });
      const { train } = await loadArrays(path);
      expect([...train.y.data]).toEqual([1, 0, 1]);
      expect([...train.x.data.subarray(5, 10)]).toEqual([0, 0, 0, 0, 0]);
    }
  });

  const real = place('imdb');
  testUnless(real ? undefined : 'IMDB is not here: fusor data fetch imdb')('the real one', async () => {
    const { train, words } = await datasets.imdb({ offline: true });
    expect(train.x.shape).toEqual([25000, 10000]);
    expect([words[0], train.y.data.reduce((sum, label) => sum + label, 0)]).toEqual(['the', 12500]);
  });
});

function place(name: string): string | undefined {
  try {
    return locateDataset(findDataset(name));
  } catch {
    return undefined;
  }
}

test('they are found where other programs keep them', () => {
  const { KERAS_HOME, FUSOR_CACHE } = process.env;
  Object.assign(process.env, { KERAS_HOME: fresh(), FUSOR_CACHE: fresh() });
  try {
    const imdb = writeFiles(join(kerasFolder(), 'aclImdb'), IMDB_FILES);
    const cifar = writeFiles(join(kerasFolder(), 'cifar-10-batches-bin'), cifarFiles());
    expect([place('imdb'), place('cifar10')]).toEqual([imdb, cifar]);
  } finally {
    for (const [name, value] of Object.entries({ KERAS_HOME, FUSOR_CACHE }))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  }
});
