/**
 * CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009) in its binary form: records of one
 * byte, the class, and 3,072, the planes R, G and B of 32x32 pixels each.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FusorError } from '../errors';
import { dataFolder } from './cache';
import { CIFAR10, CIFAR10_ARCHIVE, md5, setDigest, sha256 } from './digests';
import {
  type DatasetEntry,
  type ImageDataset,
  type LabelledImages,
  type LoadOptions,
  rowLimit,
} from './entry';
import { digestError } from './idx-folder';
import { labelRange } from './labels';
import { hereFolder, kerasFolder } from './places';
import { readPlain } from './unpack';

const SIDE = 32;
const PLANE = SIDE * SIDE;
const RECORD = 1 + 3 * PLANE;
const CLASSES = 10;
const FOLDER = 'cifar-10-batches-bin';
const NAMES = CIFAR10.map(({ name }) => name);

/** Six files of CIFAR-10; the last of them tests. */
export function isCifarFolder(folder: string): boolean {
  return NAMES.every((name) => existsSync(join(folder, name)));
}

/**
 * @param checked whether the files must be the published ones
 * @throws ERR_DATA_DIGEST, ERR_DATA_FORMAT naming the record that is cut, ERR_LABEL_RANGE, ERR_DATA_EMPTY
 */
export function loadCifar10(
  name: string,
  folder: string,
  options: LoadOptions & { checked?: boolean } = {},
): ImageDataset {
  const limit = rowLimit(options.limit);
  const files = NAMES.map((file) => ({ name: file, ...readRecords(join(folder, file)) }));
  const sums = files.map(({ name: file, bytes }) => ({ name: file, sha256: sha256(bytes) }));
  for (const [i, { file }] of files.entries())
    if (options.checked && sums[i].sha256 !== CIFAR10[i].sha256)
      throw digestError(file, sums[i].sha256, CIFAR10[i].sha256);
  return {
    name,
    train: images(files.slice(0, -1), limit),
    test: images(files.slice(-1), limit),
    sha256: setDigest(sums),
    classes: CLASSES,
    classNames: CIFAR10_CLASSES,
    folder,
  };
}

interface Records {
  file: string;
  bytes: Uint8Array;
}

function readRecords(file: string): Records {
  const bytes = readPlain(file, 'records of CIFAR-10');
  if (bytes.length === 0) throw new FusorError('ERR_DATA_EMPTY', ['no records', file, 'fetch the file anew']);
  const rest = bytes.length % RECORD;
  if (rest > 0) {
    const what = `record ${Math.floor(bytes.length / RECORD)} has ${rest} of its ${RECORD} bytes`;
    const hint =
      bytes.length % (RECORD + 1) === 0 ? 'these seem to be records of CIFAR-100' : 'fetch the file anew';
    throw new FusorError('ERR_DATA_FORMAT', [what, file, hint], { file, bytes: bytes.length });
  }
  for (let record = 0; record * RECORD < bytes.length; record++) {
    const label = bytes[record * RECORD];
    if (label >= CLASSES) throw labelRange(file, record, label, CLASSES, 'fetch the file anew');
  }
  return { file, bytes };
}

/** Planes become pixels: [rows, 32, 32, 3], as everybody's images lie. */
function images(files: readonly Records[], limit: number): LabelledImages {
  const rows = Math.min(
    limit,
    files.reduce((sum, { bytes }) => sum + bytes.length / RECORD, 0),
  );
  const x = new Uint8Array(rows * 3 * PLANE);
  const y = new Uint8Array(rows);
  let row = 0;
  for (const { bytes } of files)
    for (let at = 0; at < bytes.length && row < rows; at += RECORD, row++) {
      y[row] = bytes[at];
      const to = row * 3 * PLANE;
      for (let pixel = 0; pixel < PLANE; pixel++) {
        x[to + 3 * pixel] = bytes[at + 1 + pixel];
        x[to + 3 * pixel + 1] = bytes[at + 1 + PLANE + pixel];
        x[to + 3 * pixel + 2] = bytes[at + 1 + 2 * PLANE + pixel];
      }
    }
  return { x: { data: x, shape: [rows, SIDE, SIDE, 3] }, y: { data: y, shape: [rows] } };
}

const CIFAR10_CLASSES = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

export const cifar10: DatasetEntry = {
  name: 'cifar10',
  title: 'photographs, 50,000 + 10,000 images of 32x32x3, 10 classes',
  files: [{ ...CIFAR10_ARCHIVE, members: NAMES.map((name) => `${FOLDER}/${name}`) }],
  folders: ({ dataDir }) => {
    const base = dataFolder(dataDir);
    const roots = dataDir
      ? [join(base, 'cifar10'), base]
      : [join(base, 'cifar10'), base, hereFolder(), kerasFolder()];
    return [...roots.map((root) => join(root, FOLDER)), ...(dataDir ? [base] : [])];
  },
  isComplete: isCifarFolder,
  load: (folder, options) => loadCifar10('cifar10', folder, { ...options, checked: true }),
  verify: (folder) =>
    CIFAR10.map((expected) => {
      const { file, bytes } = readRecords(join(folder, expected.name));
      const found = { md5: md5(bytes), sha256: sha256(bytes) };
      return { file, ok: found.sha256 === expected.sha256, ...found, expected };
    }),
};
