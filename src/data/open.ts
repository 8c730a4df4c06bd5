/** Data of the user's own, by what it is: a table of text, arrays of numpy, IDX, a folder. */
import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { FusorError } from '../errors';
import { isCifarFolder, loadCifar10 } from './cifar10';
import { sha256 } from './digests';
import type { LabelledRows } from './entry';
import { readIdx } from './idx';
import { findIdxFiles } from './idx-files';
import { loadIdxFolder } from './idx-folder';
import { type ImageFolderOptions, imageFiles, readImages } from './image-folder';
import { isImdbFolder, loadImdb } from './imdb';
import type { NDArray, NumericArray } from './ndarray';
import { readNpy, readNpz } from './npy';
import { type OpenTableOptions, type OwnData, openTable } from './open-table';
import { datasetNames } from './registry';
import { Splitter } from './split';
import { openDataFile } from './unpack';

export type OpenOptions = OpenTableOptions &
  ImageFolderOptions & {
    /** Of a folder of IDX files or of arrays: how many classes there are, where not all are in it. */
    classes?: number;
    /** Of a folder of images: the classes in their order, where not all are in it; by default its folders, sorted. */
    classNames?: readonly string[];
  };

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
      return fromArrays(name, file, namedArrays(readNpz(file), file), options);
    case 'npy':
      return fromArrays(
        name,
        file,
        { train: { x: readNpy(file), y: labelsAt(options.label, readNpy) } },
        options,
      );
    case 'idx': {
      const { data, shape } = readIdx(file, 'images');
      const x = { data, shape: shape.length === 3 ? [...shape, 1] : shape };
      const labels = (from: string) => {
        const { data: y, shape: rows } = readIdx(from, 'labels');
        return { data: y, shape: rows };
      };
      return fromArrays(name, file, { train: { x, y: labelsAt(options.label, labels) } }, options);
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

async function openFolder(folder: string, options: OpenOptions): Promise<OwnData> {
  const name = basename(folder);
  const { limit, classes } = options;
  if (isCifarFolder(folder)) return loadCifar10(name, folder, { limit });
  if (isImdbFolder(folder)) return loadImdb(name, folder, { limit });
  const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory();
  const hasFolders = readdirSync(folder, { withFileTypes: true }).some((entry) => entry.isDirectory());
  if (!hasFolders || Object.values(findIdxFiles(folder)).some(Boolean))
    return loadIdxFolder(name, folder, { limit, classes });
  const train = join(folder, 'train');
  const files = imageFiles(isFolder(train) ? train : folder, options.classNames);
  const shuffledFiles = { ...files, files: limit === undefined ? files.files : everyClass(files.files) };
  const rows: Partial<Record<'train' | 'test', LabelledRows>> = {
    train: await readImages(shuffledFiles, options),
  };
  const [, height, width] = rows.train!.x.shape;
  if (isFolder(join(folder, 'test')))
    rows.test = await readImages(imageFiles(join(folder, 'test'), files.classNames), {
      ...options,
      imageSize: options.imageSize ?? [height, width],
    });
  return fromArrays(
    name,
    folder,
    { train: rows.train!, test: rows.test },
    { ...options, limit: undefined, task: 'classification' },
    files.classNames,
  );
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

type Given = { train: LabelledRows; test?: LabelledRows };

/** x and y, or x_train, y_train, x_test and y_test, as numpy's users name them. */
function namedArrays(arrays: Map<string, NDArray>, file: string): Given {
  const pair = (x: string, y: string) => {
    const [found, labels] = [arrays.get(x), arrays.get(y)];
    return found && labels && { x: found, y: labels };
  };
  const train = pair('x_train', 'y_train') ?? pair('x', 'y') ?? pair('X', 'y') ?? pair('X_train', 'y_train');
  const test = pair('x_test', 'y_test') ?? pair('X_test', 'y_test');
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

function fromArrays(
  name: string,
  file: string,
  { train, test }: Given,
  options: OpenOptions,
  classNames?: readonly string[],
): OwnData {
  const { validation = 0, test: testShare = 0, seed = 0, task, limit, classes: given } = options;
  for (const { x, y } of [train, test].filter((rows) => rows !== undefined))
    if (x.shape[0] !== y.shape[0] || x.shape.length < 2)
      throw new FusorError(
        'ERR_DATA_MISMATCH',
        [`x has the shape [${x.shape}], y [${y.shape}]`, file, 'x is [rows, …], y [rows]'],
        { file },
      );
  const column = y1(train.y);
  const integers = column?.data.every((value) => Number.isInteger(value) && value >= 0);
  const greatest = integers ? greatestOf(column!.data) : 0;
  const classified = task === 'classification' || (task !== 'regression' && integers && greatest < 1000);
  if (task === 'classification' && !integers)
    throw new FusorError(
      'ERR_LABEL_RANGE',
      ['labels are not integers from 0', file, 'number the classes from 0'],
      { file },
    );
  const classes = classNames?.length ?? (classified ? (given ?? Math.max(2, greatest + 1)) : 0);
  if (classified && greatest >= classes)
    throw new FusorError(
      'ERR_LABEL_RANGE',
      [`label ${greatest}, expected 0 … ${classes - 1}`, file, 'mend the labels, or --classes'],
      { file },
    );
  const first =
    limit === undefined
      ? train
      : take(
          train,
          Array.from({ length: Math.min(limit, train.x.shape[0]) }, (_, i) => i),
        );
  const shares = [validation, test ? 0 : testShare] as const;
  const parts = new Splitter(shares, seed).assign(
    classified ? y1(first.y)!.data : new Uint8Array(first.x.shape[0]),
  );
  const rows = [0, 1, 2].map((part) => {
    const its = Array.from(parts.keys()).filter((row) => parts[row] === part);
    return its.length === 0 ? undefined : its.length === parts.length ? first : take(first, its);
  });
  if (!rows[0] || shares.some((share, i) => share > 0 && !rows[i + 1]))
    throw new FusorError(
      'ERR_DATA_EMPTY',
      [`${first.x.shape[0]} rows are too few to split`, file, 'give more rows, or other shares'],
      { file },
    );
  const bytes = train.x.data[Symbol.toStringTag] === 'Uint8Array';
  const hash = sha256(
    [train, test].flatMap((part) => (part ? [digestOf(part.x), digestOf(part.y)] : [])).join('\n'),
  );
  return {
    name,
    train: rows[0],
    validation: rows[1],
    test: test ?? rows[2],
    sha256: hash,
    classes,
    classNames,
    scale: bytes ? undefined : 1,
    folder: file,
  };
}

/** Labels as one column, or nothing where there are more. */
function y1({ data, shape }: NDArray): NDArray | undefined {
  return data.length === shape[0] ? { data, shape: [shape[0]] } : undefined;
}

function greatestOf(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
}

function digestOf({ data, shape }: NDArray): string {
  return `${shape} ${sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`;
}

function take({ x, y }: LabelledRows, rows: readonly number[]): LabelledRows {
  const some = ({ data, shape }: NDArray): NDArray => {
    const width = data.length / shape[0];
    const out = new (data.constructor as new (length: number) => NumericArray)(rows.length * width);
    rows.forEach((row, to) => {
      out.set(data.subarray(row * width, (row + 1) * width), to * width);
    });
    return { data: out, shape: [rows.length, ...shape.slice(1)] };
  };
  return { x: some(x), y: some(y) };
}
