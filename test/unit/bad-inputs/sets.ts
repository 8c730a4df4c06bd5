/** Damaged files of CIFAR-10 and IMDB. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { loadDataset } from '../../../src/data/datasets';
import { datasets } from '../../../src/index';
import { type BadInput, rows } from '../../support/bad-inputs';
import { cifarFiles, cifarRecords, IMDB_FILES, writeFiles } from '../../support/data-sets';

export function badSets(root: string): BadInput[] {
  let count = 0;
  const fresh = () => join(root, `named-${count++}`);
  const cifar = (bytes: Uint8Array) => () =>
    loadDataset(writeFiles(fresh(), cifarFiles(2, { 'data_batch_3.bin': bytes })));
  const imdb = (feat: string) => () =>
    loadDataset(writeFiles(fresh(), { ...IMDB_FILES, 'train/labeledBow.feat': feat }));
  const records = cifarRecords(3);
  const wrongLabel = Buffer.from(records);
  wrongLabel[2 * 3073] = 10;
  const anew = /fetch (the file|it) anew/;
  const FORMAT = 'ERR_DATA_FORMAT';
  const feat = 'train/labeledBow.feat, line';
  return rows([
    ['no records', cifar(Buffer.alloc(0)), 'ERR_DATA_EMPTY', 'data_batch_3.bin', anew],
    ['a record that is cut', cifar(records.subarray(0, 7000)), FORMAT, 'record 2 has 854 of its 3073', anew],
    ['records of CIFAR-100', cifar(Buffer.alloc(3 * 3074)), FORMAT, 'data_batch_3.bin', 'CIFAR-100'],
    ['records, packed', cifar(gzipSync(records)), FORMAT, 'a gzip file', 'unpack it first'],
    ['a class of 10', cifar(wrongLabel), 'ERR_LABEL_RANGE', 'data_batch_3.bin, label 2', anew],
    ['reviews: none', imdb(''), 'ERR_DATA_EMPTY', 'labeledBow.feat', anew],
    [
      'reviews, packed',
      () => loadDataset(writeFiles(fresh(), { ...IMDB_FILES, 'imdb.vocab': gzipSync('a') })),
      FORMAT,
      'imdb.vocab',
      'unpack it',
    ],
    ['a review without a rating', imdb('9 0:1\nx 0:1\n'), FORMAT, `${feat} 2`, anew],
    ['a rating of 5', imdb('9 0:1\n8 0:1\n5 0:1\n'), 'ERR_LABEL_RANGE', `${feat} 3`, anew],
    ['a rating of 11', imdb('11 0:1\n'), 'ERR_LABEL_RANGE', 'rating 11, expected 1 … 4 or 7 … 10', anew],
    ['a word beyond the vocabulary', imdb('9 5:1\n'), 'ERR_TOKEN_RANGE', `${feat} 1`, 'same set'],
    ['a word of 2³¹', imdb('9 2147483648:1\n'), 'ERR_TOKEN_RANGE', 'word 2147483648', 'same set'],
    ['a negative word', imdb('9 -1:1\n'), FORMAT, '"-1:1', anew],
    ['a word without a count', imdb('9 1 2:1\n'), FORMAT, 'no ":" but " 2:1', anew],
    ['a count of 10⁴⁰', imdb(`9 1:1${'0'.repeat(40)}\n`), FORMAT, `${feat} 1`, anew],
    ['a review of NUL bytes', imdb('9 1:1\n\0\0'), FORMAT, `${feat} 2`, anew],
    [
      'an empty vocabulary',
      () => loadDataset(writeFiles(fresh(), { ...IMDB_FILES, 'imdb.vocab': '' })),
      'ERR_DATA_EMPTY',
      'imdb.vocab',
      anew,
    ],
    [
      'more words than there are',
      () => datasets.imdb({ dataDir: writeFiles(fresh(), IMDB_FILES), words: 6 }),
      'ERR_ARG',
      'words',
      'from 1 to 5',
    ],
    [
      'an unknown option',
      () => datasets.imdb({ word: 6 } as never),
      'ERR_ARG',
      'datasets.imdb',
      'did you mean words?',
    ],
    [
      'words of a set of images',
      () => datasets.cifar10({ words: 6 } as never),
      'ERR_ARG',
      'datasets.cifar10',
      'known are',
    ],
    [
      'nowhere, offline',
      () => datasets.cifar10({ dataDir: fresh(), offline: true }),
      'ERR_DATA_MISSING',
      'looked in',
      'fusor data fetch cifar10',
    ],
  ]);
}
