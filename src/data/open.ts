/** Data of the user's own, by what it is: a table of text, arrays of numpy, IDX, a folder. */
import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { FusorError } from '../errors';
import { isFolder } from '../files/make-folders';
import { isCifarFolder, loadCifar10 } from './cifar10';
import type { LabelledRows } from './entry';
import { finiteArray } from './finite-array';
import { readIdx } from './idx';
import { findIdxFiles } from './idx-files';
import { loadIdxFolder } from './idx-folder';
import { allImages, foldersIn, imageFiles, readImages } from './image-folder';
import { isImdbFolder, loadImdb } from './imdb';
import type { NDArray } from './ndarray';
import { readNpy, readNpz } from './npy';
import { type Given, openArrays, withValidation } from './open-arrays';
import type { OpenOptions } from './open-options';
import { type OwnData, openTable } from './open-table';
import { datasetNames } from './registry';
import { openDataFile } from './unpack';

const TABLES: Record<string, 'csv' | 'jsonl'> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.txt': 'csv',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
};

/** @throws ERR_DATA_MISSING, ERR_DATA_FORMAT naming what is read, and what the reader throws */
export async function openData(path: string, options: OpenOptions): Promise<OwnData> {
  const file = resolve(path);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat) {
    const own = `datasets.${path.replace(/-(.)/g, (_, letter) => letter.toUpperCase())}()`;
    const mend = datasetNames().includes(path) ? `for the data set call ${own}` : 'check the path';
    throw new FusorError('ERR_DATA_MISSING', ['no such file or folder of data', file, mend], { file });
  }
  if (stat.isDirectory()) return openFolder(file, options);
  const extension = extname(file).toLowerCase();
  const name = basename(file, extension);
  const table = TABLES[extension];
  if (table) return openTable(file, table, options);
  switch (contentOf(file)) {
    case 'npz':
      return openArrays(name, file, namedArrays(readNpz(file), file, options), options);
    case 'npy': {
      const x = finiteInputs(readNpy(file), 'x', file, options);
      const labels = (from: string) => finiteArray(readNpy(from), 'y', from, options.limit);
      return openArrays(name, file, { train: { x, y: labelsAt(options.label, labels) } }, options);
    }
    case 'idx': {
      const { data, shape } = readIdx(file, 'images');
      const x = { data, shape: shape.length === 3 ? [...shape, 1] : shape };
      const labels = (from: string) => {
        const { data: y, shape: rows } = readIdx(from, 'labels');
        return { data: y, shape: rows };
      };
      return openArrays(name, file, { train: { x, y: labelsAt(options.label, labels) } }, options);
    }
  }
  const known = `${Object.keys(TABLES).join(', ')}, .npy, .npz, IDX, or a folder`;
  throw new FusorError('ERR_DATA_FORMAT', ['what it holds is not known', file, `name one of ${known}`], {
    file,
  });
}

/** By its first bytes: names lie. */
function contentOf(file: string): 'npz' | 'npy' | 'idx' | undefined {
  const opened = openDataFile(file);
  opened.close();
  const { head } = opened;
  const text = head.toString('latin1', 0, 6);
  if (text.startsWith('PK\x03\x04')) return 'npz';
  if (text === '\x93NUMPY') return 'npy';
  return head.length > 3 && head[0] === 0 && head[1] === 0 ? 'idx' : undefined;
}

/** The files of MNIST and its like. */
const isOfIdx = (folder: string) => Object.values(findIdxFiles(folder)).some(Boolean);

const isOfImages = (folder: string) =>
  !isOfIdx(folder) && (foldersIn(folder).length > 0 || allImages(folder).length > 0);

/**
 * The images of a folder that are to be predicted, by their paths in it: all, but of one that is divided those to test with.
 * None of a folder of other data. @throws ERR_IO
 */
export function imagesToPredict(folder: string): string[] {
  if (isCifarFolder(folder) || isImdbFolder(folder) || !isOfImages(folder)) return [];
  const isPart = (name: string) => isFolder(join(folder, name)) && foldersIn(join(folder, name)).length > 0;
  const part = ['test', 'train'].find(isPart) ?? '';
  return allImages(join(folder, part)).map((image) => join(part, image));
}

async function openFolder(folder: string, options: OpenOptions): Promise<OwnData> {
  const name = basename(folder);
  const { limit, classes } = options;
  if (isCifarFolder(folder)) return withValidation(loadCifar10(name, folder, { limit }), options);
  if (isImdbFolder(folder)) return withValidation(loadImdb(name, folder, { limit }), options);
  if (!isOfImages(folder)) {
    if (!isOfIdx(folder)) throw nothingKnown(folder);
    return withValidation(loadIdxFolder(name, folder, { limit, classes }), options);
  }
  const train = join(folder, 'train');
  const files = imageFiles(isFolder(train) ? train : folder, options.classNames);
  const shuffledFiles = { ...files, files: limit === undefined ? files.files : everyClass(files.files) };
  const rows: Partial<Record<'train' | 'test', LabelledRows>> = {
    train: await readImages(shuffledFiles, options),
  };
  const [, height, width, channels] = rows.train!.x.shape;
  if (isFolder(join(folder, 'test')))
    rows.test = await readImages(imageFiles(join(folder, 'test'), files.classNames), {
      ...options,
      imageSize: options.imageSize ?? [height, width],
      channels,
    });
  return openArrays(
    name,
    folder,
    { train: rows.train!, test: rows.test },
    { ...options, limit: undefined, task: 'classification' },
    files.classNames,
  );
}

function nothingKnown(folder: string): FusorError {
  const inIt = readdirSync(folder).find((name) =>
    [...Object.keys(TABLES), '.npz', '.npy'].includes(extname(name).toLowerCase()),
  );
  const mend =
    inIt === undefined
      ? 'a folder holds images, in a folder for each class, or the four IDX files of MNIST and its like'
      : `name the file: ${join(folder, inIt)}`;
  return new FusorError('ERR_DATA_MISSING', ['no data that a folder can be', folder, mend], { folder });
}

/** One of each class in turn, so that the first of them are of all classes. */
function everyClass<T extends { label: number }>(files: readonly T[]): T[] {
  const seen = new Map<number, number>();
  const keyed = files.map((file) => {
    const turn = seen.get(file.label) ?? 0;
    seen.set(file.label, turn + 1);
    return { file, turn };
  });
  return keyed.sort((a, b) => a.turn - b.turn || a.file.label - b.file.label).map(({ file }) => file);
}

function labelsAt(label: string | undefined, read: (file: string) => NDArray): NDArray {
  if (label === undefined)
    throw new FusorError('ERR_ARG', ['the file of the labels is not said', '', 'name it with --label FILE'], {
      argument: 'label',
    });
  return read(resolve(label));
}

/** For a model of a table NaN may become the mean, and columns have names: that is looked at where they are known. */
function finiteInputs(x: NDArray, name: string, file: string, { schema, limit }: OpenOptions): NDArray {
  return schema ? x : finiteArray(x, name, file, limit);
}

/** x and y, or x_train, y_train, x_test and y_test, as numpy's users name them. */
function namedArrays(arrays: Map<string, NDArray>, file: string, options: OpenOptions): Given {
  const pair = (x: string, y: string, { limit, schema }: OpenOptions = options) => {
    const [found, labels] = [arrays.get(x), arrays.get(y)];
    if (!found || !labels) return undefined;
    return {
      x: finiteInputs(found, x, file, { limit, schema }),
      y: finiteArray(labels, y, file, limit),
    };
  };
  const train = pair('x_train', 'y_train') ?? pair('x', 'y') ?? pair('X', 'y') ?? pair('X_train', 'y_train');
  // The limit is of the rows that train.
  const all = { ...options, limit: undefined };
  const test = pair('x_test', 'y_test', all) ?? pair('X_test', 'y_test', all);
  if (train) return { train, test };
  throw new FusorError(
    'ERR_DATA_FORMAT',
    [
      `no x and y, but ${[...arrays.keys()].slice(0, 8).join(', ')}`,
      file,
      'save them as x and y, or x_train, y_train, x_test, y_test',
    ],
    { file },
  );
}
