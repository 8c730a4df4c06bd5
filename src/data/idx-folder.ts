/** A folder of the four IDX files of the MNIST family: images and labels, to train with and to test with. */
import { FusorError } from '../errors';
import { type FileDigest, type MnistPart, setDigest, sha256 } from './digests';
import { type ImageDataset, type LabelledImages, type LoadOptions, rowLimit } from './entry';
import { type Idx, readIdx } from './idx';
import { allFiles, PART_NAMES, PARTS } from './idx-files';

/**
 * Reads the set in `folder` whole.
 * @param digests what the files must be; without them any content is taken
 * @param classes number of classes; without it the training labels must be 0 … some number, none of them absent
 * @throws ERR_DATA_MISSING, ERR_DATA_DIGEST, ERR_DATA_MISMATCH, ERR_LABEL_RANGE and what readIdx throws
 */
export function loadIdxFolder(
  name: string,
  folder: string,
  options: LoadOptions & { classes?: number; digests?: Record<MnistPart, FileDigest> } = {},
): ImageDataset {
  const { digests } = options;
  const limit = rowLimit(options.limit);
  const files = allFiles(folder);
  const trainLabels = readIdx(files.trainLabels, 'labels');
  const testLabels = readIdx(files.testLabels, 'labels');
  const trainImages = readIdx(files.trainImages, 'images');
  const testImages = readIdx(files.testImages, 'images');
  checkPair(trainImages, trainLabels);
  checkPair(testImages, testLabels);
  checkSameImages(trainImages, testImages);
  const read = { trainImages, trainLabels, testImages, testLabels };
  const sums = PART_NAMES.map((part) => ({ name: PARTS[part][0], sha256: sha256(read[part].bytes) }));
  for (const [i, part] of PART_NAMES.entries()) {
    if (digests) checkDigest(read[part], sums[i].sha256, digests[part].sha256);
  }
  const classes = options.classes ?? countClasses(trainLabels);
  checkRange(trainLabels, classes);
  checkRange(testLabels, classes);
  return {
    name,
    train: take(trainImages, trainLabels, limit),
    test: take(testImages, testLabels, limit),
    sha256: setDigest(sums),
    classes,
    folder,
  };
}

function checkPair(images: Idx, labels: Idx): void {
  if (images.shape[0] === labels.shape[0]) return;
  throw new FusorError(
    'ERR_DATA_MISMATCH',
    [
      `${images.shape[0]} images but ${labels.shape[0]} labels`,
      `${images.file}, ${labels.file}`,
      'take both files from the same set',
    ],
    { images: images.shape[0], labels: labels.shape[0], imageFile: images.file, labelFile: labels.file },
  );
}

function checkSameImages(train: Idx, test: Idx): void {
  if (String(train.shape.slice(1)) === String(test.shape.slice(1))) return;
  throw new FusorError(
    'ERR_DATA_MISMATCH',
    [
      `images of [${train.shape.slice(1)}] to train with but of [${test.shape.slice(1)}] to test with`,
      `${train.file}, ${test.file}`,
      'take both files from the same set',
    ],
    { train: train.shape, test: test.shape },
  );
}

function checkDigest(idx: Idx, received: string, expected: string): void {
  if (received !== expected) throw digestError(idx.file, received, expected);
}

export function digestError(file: string, received: string, expected: string): FusorError {
  return new FusorError(
    'ERR_DATA_DIGEST',
    [
      `not the published file: its sha256 is ${received}, not ${expected}`,
      file,
      'fetch it anew; to train on it as it is, name its folder with --data',
    ],
    { file, expected, received },
  );
}

/** Labels count up from 0; a hole means that the greater ones are damaged, or that the number must be given. */
function countClasses(labels: Idx): number {
  const first = new Int32Array(257).fill(-1);
  labels.data.forEach((value, index) => {
    if (first[value] < 0) first[value] = index;
  });
  const classes = first.indexOf(-1);
  const beyond = first.findIndex((index, value) => value > classes && index >= 0);
  // Nothing can be told apart with one class, but it trains.
  if (beyond < 0) return Math.max(2, classes);
  throw new FusorError(
    'ERR_LABEL_RANGE',
    [
      `label ${beyond}, but no label ${classes}`,
      `${labels.file}, index ${first[beyond]}`,
      `if that is meant, say how many classes there are (--classes ${first.findLastIndex((at) => at >= 0) + 1})`,
    ],
    { file: labels.file, index: first[beyond], value: beyond, classes },
  );
}

function checkRange(labels: Idx, classes: number): void {
  const index = labels.data.findIndex((value) => value >= classes);
  if (index < 0) return;
  const value = labels.data[index];
  throw new FusorError(
    'ERR_LABEL_RANGE',
    [`label ${value}, expected 0 … ${classes - 1}`, `${labels.file}, index ${index}`, 'mend the labels'],
    { file: labels.file, index, value, classes },
  );
}

/** Views of the first rows: nothing is copied. */
function take(images: Idx, labels: Idx, limit: number): LabelledImages {
  const rows = Math.min(images.shape[0], limit);
  const [height, width, channels = 1] = images.shape.slice(1);
  const size = height * width * channels;
  return {
    x: { data: images.data.subarray(0, rows * size), shape: [rows, height, width, channels] },
    y: { data: labels.data.subarray(0, rows), shape: [rows] },
  };
}
