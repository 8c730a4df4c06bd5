/** Damaged and foreign data files. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { loadDataset } from '../../../src/data/datasets';
import { type IdxContent, readIdx } from '../../../src/data/idx';
import { datasets } from '../../../src/index';
import { type BadInput, rows } from '../../support/bad-inputs';
import { idxBytes, idxPair, writeIdxFolder } from '../../support/idx';

export function badData(root: string): BadInput[] {
  let count = 0;
  const fresh = () => join(root, `data-${count++}`);
  const read = (bytes: Uint8Array | string, content: IdxContent = 'images') => {
    const file = fresh();
    return () => {
      writeFileSync(file, bytes);
      return readIdx(file, content);
    };
  };
  const set = (replaced: Parameters<typeof writeIdxFolder>[1]) => () =>
    loadDataset(writeIdxFolder(fresh(), replaced));
  const zeros = (length: number) => new Uint8Array(length);
  const { images, labels } = idxPair(30);
  const swap = (bytes: Buffer) =>
    Buffer.concat([bytes.subarray(0, 4), Buffer.from(bytes.subarray(4, 16)).swap32(), bytes.subarray(16)]);
  const anew = 'fetch the file anew';
  return rows([
    ['no bytes', read(''), 'ERR_DATA_TRUNCATED', 'needs 16 bytes, got 0', anew],
    ['3 bytes', read(zeros(3)), 'ERR_DATA_TRUNCATED', 'needs 16 bytes, got 3', anew],
    ['15 bytes', read(images.subarray(0, 15)), 'ERR_DATA_TRUNCATED', 'needs 16 bytes, got 15', anew],
    [
      '7 bytes of labels',
      read(labels.subarray(0, 7), 'labels'),
      'ERR_DATA_TRUNCATED',
      'needs 8 bytes, got 7',
      anew,
    ],
    ['labels given as images', read(labels), 'ERR_DATA_MAGIC', '0x00000801, not 0x00000803', 'swapped?'],
    [
      'images given as labels',
      read(images, 'labels'),
      'ERR_DATA_MAGIC',
      '0x00000803, not 0x00000801',
      'swapped?',
    ],
    [
      'a magic of nothing',
      read(Buffer.concat([Buffer.from([0, 0, 0x0a, 3]), images.subarray(4)])),
      'ERR_DATA_MAGIC',
      '0x00000a03',
      'name an IDX file',
    ],
    [
      'a magic in reverse',
      read(Buffer.concat([Buffer.from([3, 8, 0, 0]), images.subarray(4)])),
      'ERR_DATA_MAGIC',
      '0x03080000',
      'big-endian',
    ],
    ['sizes in reverse', read(swap(images)), 'ERR_DATA_TRUNCATED', 'should have', 'little-endian'],
    [
      'a count of 1,610,612,736',
      read(idxBytes([0x60000000, 4, 4], zeros(96))),
      'ERR_DATA_TRUNCATED',
      '25769803792 bytes',
      anew,
    ],
    [
      'sizes that multiply beyond 2⁵³',
      read(idxBytes([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], zeros(96))),
      'ERR_DATA_TRUNCATED',
      'should have',
      anew,
    ],
    [
      'half an image',
      read(images.subarray(0, images.length - 8)),
      'ERR_DATA_TRUNCATED',
      `should have ${images.length} bytes, it has ${images.length - 8}`,
      anew,
    ],
    [
      'one byte too many',
      read(Buffer.concat([images, zeros(1)])),
      'ERR_DATA_FORMAT',
      '1 bytes too many',
      'fetch anew',
    ],
    ['no rows', read(idxBytes([0, 4, 4], zeros(0))), 'ERR_DATA_EMPTY', '[0,4,4]', anew],
    ['no height', read(idxBytes([5, 0, 28], zeros(0))), 'ERR_DATA_EMPTY', '[5,0,28]', anew],
    ['no width', read(idxBytes([5, 28, 0], zeros(0))), 'ERR_DATA_EMPTY', '[5,28,0]', anew],
    [
      'float32',
      read(idxBytes([1, 2, 2], zeros(16), 0x0d)),
      'ERR_DATA_DTYPE',
      '0x0D (float32)',
      'convert them',
    ],
    ['int16', read(idxBytes([1, 2, 2], zeros(8), 0x0b)), 'ERR_DATA_DTYPE', '0x0B (int16)', 'convert them'],
    ['rank 2', read(idxBytes([4, 4], zeros(16))), 'ERR_DATA_DTYPE', 'rank 2', 'rank 3 or 4'],
    ['rank 5', read(idxBytes([1, 1, 1, 1, 1], zeros(1))), 'ERR_DATA_DTYPE', 'rank 5', 'rank 3 or 4'],
    [
      'rank 255',
      read(Buffer.concat([Buffer.from([0, 0, 8, 255]), zeros(2000)])),
      'ERR_DATA_DTYPE',
      'rank 255',
      'rank 3 or 4',
    ],
    ['a gzip file cut short', read(gzipSync(images).subarray(0, 40)), 'ERR_DATA_TRUNCATED', root, anew],
    ['gzip of nothing', read(gzipSync('')), 'ERR_DATA_TRUNCATED', 'got 0', anew],
    [
      'a damaged gzip file',
      read(Buffer.concat([gzipSync(images).subarray(0, 12), zeros(60)])),
      /ERR_DATA_(FORMAT|TRUNCATED)/.source,
      root,
      anew,
    ],
    [
      'a gzip file inside a gzip file',
      read(gzipSync(gzipSync(images))),
      'ERR_DATA_FORMAT',
      'gzip file inside',
      'name an IDX file',
    ],
    [
      'a bomb',
      read(gzipSync(Buffer.concat([idxBytes([30, 4, 4], zeros(0)), zeros(20_000_000)]))),
      'ERR_DATA_FORMAT',
      'more than the 496 bytes',
      anew,
    ],
    [
      'a header beyond what so small a file holds',
      read(gzipSync(idxBytes([60_000, 280, 280], zeros(4)))),
      'ERR_DATA_TRUNCATED',
      '4704000016 bytes',
      anew,
    ],
    [
      'a gzip body shorter than stated',
      read(gzipSync(images.subarray(0, 400))),
      'ERR_DATA_TRUNCATED',
      'it has 400',
      anew,
    ],
    [
      'a web page',
      read('<!DOCTYPE html><html>404</html>'),
      'ERR_DATA_FORMAT',
      'web page',
      'name an IDX file',
    ],
    [
      'a web page, packed',
      read(gzipSync('<html>404</html>')),
      'ERR_DATA_FORMAT',
      'web page',
      'name an IDX file',
    ],
    ['an NPZ', read('PK\x03\x04 train.npy'), 'ERR_DATA_FORMAT', 'zip archive', 'name an IDX file'],
    [
      'an NPY',
      read(Buffer.from('\x93NUMPY\x01\x00', 'latin1')),
      'ERR_DATA_FORMAT',
      'NumPy',
      'name an IDX file',
    ],
    [
      'a pickle',
      read(Buffer.from([0x80, 4, 0x95, 0, 0])),
      'ERR_DATA_FORMAT',
      'never read',
      'name an IDX file',
    ],
    [
      'no file',
      () => readIdx(join(root, 'absent'), 'images'),
      'ERR_DATA_MISSING',
      'absent',
      'check the path',
    ],
    ['a folder', () => readIdx(root, 'images'), 'ERR_DATA_FORMAT', root, 'name a data file'],
    [
      'a named pipe',
      () => {
        const file = fresh();
        execFileSync('mkfifo', [file]);
        return readIdx(file, 'images');
      },
      'ERR_DATA_FORMAT',
      'not a regular file',
      'name a data file',
    ],
    ['a device', () => readIdx('/dev/zero', 'images'), 'ERR_DATA_FORMAT', '/dev/zero', 'name a data file'],
    [
      'a file for a folder',
      () => {
        const file = fresh();
        writeFileSync(file, 'PK\x03\x04');
        return loadDataset(file);
      },
      'ERR_DATA_FORMAT',
      'zip archive',
      'np.savez',
    ],
    [
      'a text for a folder',
      () => {
        const file = fresh();
        writeFileSync(file, '1,2,3');
        return loadDataset(file);
      },
      'ERR_DATA_FORMAT',
      'not known',
      'or a folder',
    ],
    [
      'an empty folder',
      () => {
        const folder = fresh();
        mkdirSync(folder);
        return loadDataset(folder);
      },
      'ERR_DATA_MISSING',
      'no data that a folder can be',
      'images, in a folder for each class, or the four IDX files',
    ],
    [
      'a folder of tables',
      () => {
        const folder = fresh();
        mkdirSync(folder);
        writeFileSync(join(folder, 'houses.csv'), 'a,b\n1,2\n');
        return loadDataset(folder);
      },
      'ERR_DATA_MISSING',
      'no data that a folder can be',
      /name the file: .*houses\.csv/,
    ],
    ['no such folder', () => loadDataset('./nowhere'), 'ERR_DATA_MISSING', 'nowhere', 'check the path'],
    ['no such data set', () => loadDataset('mnits'), 'ERR_ARG', 'mnits', 'did you mean mnist?'],
    [
      'counts that differ',
      set({ trainLabels: idxPair(29).labels }),
      'ERR_DATA_MISMATCH',
      /30 images but 29 labels · .*train-images.*train-labels/,
      'same set',
    ],
    [
      'images of two sizes',
      set({ testImages: idxPair(12, 5).images }),
      'ERR_DATA_MISMATCH',
      '[4,4] to train with but of [5,5]',
      'same set',
    ],
    [
      'a label out of range',
      set({
        trainLabels: idxBytes(
          [30],
          zeros(30).map((_, i) => (i === 9 ? 77 : i % 3)),
        ),
      }),
      'ERR_LABEL_RANGE',
      'index 9',
      '--classes',
    ],
    [
      'a test label that no training label is',
      set({ testLabels: idxBytes([12], zeros(12).fill(7)) }),
      'ERR_LABEL_RANGE',
      'index 0',
      'mend the labels',
    ],
    [
      'a set that is not MNIST',
      () => datasets.mnist({ dataDir: writeIdxFolder(fresh()) }),
      'ERR_DATA_DIGEST',
      'sha256',
      'fetch it anew',
    ],
    [
      'MNIST where it is not',
      () => datasets.mnist({ dataDir: root, offline: true }),
      'ERR_DATA_MISSING',
      'looked in',
      'fusor data fetch mnist',
    ],
    ['a limit of 0', () => datasets.mnist({ limit: 0 }), 'ERR_ARG', 'limit', 'positive integer'],
    [
      'an option of a data set, nearly',
      () => datasets.mnist({ datadir: '.' } as never),
      'ERR_ARG',
      'datasets.mnist',
      'did you mean dataDir?',
    ],
  ]);
}
