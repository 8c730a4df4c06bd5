/** The four files of a data set of the MNIST family, by their names. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FusorError } from '../errors';
import type { MnistPart } from './digests';
import { foreign } from './idx';
import { openDataFile } from './unpack';

export const PARTS: Record<MnistPart, string[]> = {
  trainImages: ['train-images-idx3-ubyte', 'train-images.idx3-ubyte'],
  trainLabels: ['train-labels-idx1-ubyte', 'train-labels.idx1-ubyte'],
  testImages: ['t10k-images-idx3-ubyte', 't10k-images.idx3-ubyte'],
  testLabels: ['t10k-labels-idx1-ubyte', 't10k-labels.idx1-ubyte'],
};

export const PART_NAMES = Object.keys(PARTS) as MnistPart[];

type Files = Record<MnistPart, string>;

/** The four files in `folder`, under either spelling, plain or .gz; undefined for those that are not there. */
export function findIdxFiles(folder: string): { [part in MnistPart]?: string } {
  const find = (names: string[]) =>
    names
      .flatMap((name) => [name, `${name}.gz`])
      .map((name) => join(folder, name))
      .find((file) => existsSync(file));
  return Object.fromEntries(PART_NAMES.map((part) => [part, find(PARTS[part])]));
}

/** Whether all four files are in `folder`. */
export function isIdxFolder(folder: string): boolean {
  return Object.values(findIdxFiles(folder)).every(Boolean);
}

/** @throws ERR_DATA_MISSING, ERR_DATA_FORMAT where there is no folder but a file */
export function allFiles(folder: string): Files {
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat && !stat.isDirectory()) throw notAFolder(folder);
  if (!stat) {
    throw new FusorError('ERR_DATA_MISSING', ['no such folder of data', folder, 'check the path'], {
      folder,
    });
  }
  const found = findIdxFiles(folder);
  const missing = PART_NAMES.filter((part) => !found[part]).map((part) => PARTS[part][0]);
  if (missing.length > 0) {
    throw new FusorError(
      'ERR_DATA_MISSING',
      [`missing ${missing.join(', ')}`, folder, 'put the four IDX files there, plain or as .gz'],
      { folder, missing },
    );
  }
  return found as Files;
}

/** Data sets of other kinds come as one file. */
function notAFolder(path: string): FusorError {
  const opened = openDataFile(path);
  opened.close();
  const parts = ['a file, not a folder', path, 'name the folder of the four IDX files'] as const;
  return foreign(opened) ?? new FusorError('ERR_DATA_FORMAT', parts, { file: path });
}
