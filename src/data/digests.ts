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

/** Fashion-MNIST (Xiao, Rasul, Vollgraf 2017). */
export const FASHION_MNIST: Record<MnistPart, FileDigest> = {
  trainImages: {
    name: 'train-images-idx3-ubyte',
    md5: 'f4a8712d7a061bf5bd6d2ca38dc4d50a',
    sha256: 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
  },
  trainLabels: {
    name: 'train-labels-idx1-ubyte',
    md5: '9018921c3c673c538a1fc5bad174d6f9',
    sha256: 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
  },
  testImages: {
    name: 't10k-images-idx3-ubyte',
    md5: '8181f5470baa50b63fa0f6fddb340f0a',
    sha256: '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
  },
  testLabels: {
    name: 't10k-labels-idx1-ubyte',
    md5: '15d484375f8d13e6eb1aabb0c3f46965',
    sha256: '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
  },
};

/** CIFAR-10's files in its binary archive, the one to test with last; its page gives the md5 of the archive only. */
export const CIFAR10: readonly Omit<FileDigest, 'md5'>[] = [
  { name: 'data_batch_1.bin', sha256: 'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5' },
  { name: 'data_batch_2.bin', sha256: 'a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed' },
  { name: 'data_batch_3.bin', sha256: 'bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67' },
  { name: 'data_batch_4.bin', sha256: '014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48' },
  { name: 'data_batch_5.bin', sha256: '755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add' },
  { name: 'test_batch.bin', sha256: '8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b' },
];

/** md5 c32a1d4ab5d03f1284b67883e8d87530. */
export const CIFAR10_ARCHIVE = {
  name: 'cifar-10-binary.tar.gz',
  sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
  bytes: 170_052_171,
  urls: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
};

/** md5 7c2ac02c03563afcf9b574c7e56c153a. */
export const IMDB_ARCHIVE = {
  name: 'aclImdb_v1.tar.gz',
  sha256: 'c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe',
  bytes: 84_125_825,
  urls: ['https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz'],
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
