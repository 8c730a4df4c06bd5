/** IDX files made for tests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The bytes of an IDX file of unsigned bytes. */
export function idxBytes(shape: readonly number[], data: Uint8Array, type = 0x08): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, type, shape.length]);
  shape.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis);
  });
  return Buffer.concat([header, data]);
}

/** Images whose every pixel is their number mod 256, and labels i mod classes. */
export function idxPair(rows: number, size = 4, classes = 3): { images: Buffer; labels: Buffer } {
  const pixels = Uint8Array.from(
    { length: rows * size * size },
    (_, i) => Math.floor(i / (size * size)) % 256,
  );
  return {
    images: idxBytes([rows, size, size], pixels),
    labels: idxBytes(
      [rows],
      Uint8Array.from({ length: rows }, (_, i) => i % classes),
    ),
  };
}

export const FILES = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
};

/** Writes a whole set into `folder`, some of its files replaced. */
export function writeIdxFolder(
  folder: string,
  replaced: Partial<Record<keyof typeof FILES, Uint8Array>> = {},
  { rows = 30, testRows = 12, size = 4, classes = 3 } = {},
): string {
  mkdirSync(folder, { recursive: true });
  const train = idxPair(rows, size, classes);
  const test = idxPair(testRows, size, classes);
  const files = {
    trainImages: train.images,
    trainLabels: train.labels,
    testImages: test.images,
    testLabels: test.labels,
    ...replaced,
  };
  for (const [part, bytes] of Object.entries(files)) {
    writeFileSync(join(folder, FILES[part as keyof typeof FILES]), bytes);
  }
  return folder;
}
