import { createHash } from 'node:crypto';

/** One file of a data set, by its unpacked bytes: mirrors repack. */
export interface FileDigest {
  /** Its canonical name, without .gz. */
  name: string;
  /** As published with the data set. */
  md5: string;
  /** Of the bytes that have that md5. It is what loading checks: harder to forge, and faster where the CPU knows it. */
  sha256: string;
}

export type MnistPart = 'trainImages' | 'trainLabels' | 'testImages' | 'testLabels';

/** MNIST (LeCun, Cortes, Burges). The md5 sums are those that torchvision and others check. */
export const MNIST: Record<MnistPart, FileDigest> = {
  trainImages: {
    name: 'train-images-idx3-ubyte',
    md5: '6bbc9ace898e44ae57da46a324031adb',
    sha256: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  },
  trainLabels: {
    name: 'train-labels-idx1-ubyte',
    md5: 'a25bea736e30d166cdddb491f175f624',
    sha256: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  },
  testImages: {
    name: 't10k-images-idx3-ubyte',
    md5: '2646ac647ad5339dbf082846283269ea',
    sha256: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  },
  testLabels: {
    name: 't10k-labels-idx1-ubyte',
    md5: '27ae3e4e09519cfbb04c329615203637',
    sha256: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  },
};

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/**
 * One digest for a set of files: the sha256 of what `sha256sum FILE…` prints for the unpacked files in the order
 * given, so that anybody can repeat it with `sha256sum … | sha256sum`.
 */
export function setDigest(files: readonly { name: string; sha256: string }[]): string {
  return sha256(files.map((file) => `${file.sha256}  ${file.name}\n`).join(''));
}
