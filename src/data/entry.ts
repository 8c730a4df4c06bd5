/** What a data set known by name is made of. */
import { FusorError } from '../errors';
import type { FileDigest } from './digests';
import type { NDArray } from './ndarray';

/** Rows and their labels. */
export interface LabelledRows {
  /** [rows, …] */
  x: NDArray;
  /** [rows] class labels; [rows] or [rows, outputs] values */
  y: NDArray;
}

/** Rows of bytes and their classes. */
export interface LabelledBytes {
  /** [rows, …] */
  x: NDArray<Uint8Array>;
  /** [rows], the class of each row, from 0 */
  y: NDArray<Uint8Array>;
}

export interface LabelledImages extends LabelledBytes {
  /** [rows, height, width, channels], 0 … 255 */
  x: NDArray<Uint8Array>;
}

export interface LabelledReviews extends LabelledBytes {
  /** [rows, words], 1 where the review has the word, else 0 */
  x: NDArray<Uint8Array>;
}

/** A data set as it was published. */
export interface ByteDataset {
  name: string;
  train: LabelledBytes;
  test: LabelledBytes;
  /** Of the whole set, whatever the limit: see setDigest. */
  sha256: string;
  /** Number of classes: labels are 0 … classes − 1. */
  classes: number;
  /** What the classes are called, where the set says so. */
  classNames?: readonly string[];
  /** Brings x to about 0 … 1; without it 1/255, as for pixels. */
  scale?: number;
  /** Where it was read. */
  folder: string;
}

export interface ImageDataset extends ByteDataset {
  train: LabelledImages;
  test: LabelledImages;
}

export interface ReviewDataset extends ByteDataset {
  train: LabelledReviews;
  test: LabelledReviews;
  /** The word of each column of x. */
  words: readonly string[];
}

export interface LoadOptions {
  /** Take only the first rows: at most this many to train with and as many to test with. */
  limit?: number;
}

/** Infinity for none. @throws ERR_ARG */
export function rowLimit(limit = Number.POSITIVE_INFINITY): number {
  if (limit === Number.POSITIVE_INFINITY || (Number.isSafeInteger(limit) && limit > 0)) return limit;
  throw new FusorError('ERR_ARG', [`limit is ${limit}`, '', 'give a positive integer'], { limit });
}

export interface Place {
  /** Where data sets are kept; without it `$FUSOR_DATA`, the cache folder and installed packages are searched. */
  dataDir?: string;
}

/** One file, checked against its published digests, or against those that were noted when it was unpacked. */
export interface FileCheck {
  file: string;
  ok: boolean;
  md5: string;
  sha256: string;
  expected: Partial<FileDigest>;
}

/** A file as it is fetched. */
export interface RemoteFile {
  name: string;
  /** Of the file; of what it unpacks to where `unpacked` says so: mirrors pack anew. */
  sha256: string;
  unpacked?: true;
  bytes: number;
  /** Where it can be had, tried in turn. */
  urls: readonly string[];
  /** Of a .tar.gz: what of it is kept. */
  members?: readonly string[];
}

export interface DatasetEntry {
  name: string;
  /** What it is, in a few words. */
  title: string;
  files: readonly RemoteFile[];
  /** The folders in which it is looked for, first to last. */
  folders(place: Place): string[];
  isComplete(folder: string): boolean;
  load(folder: string, options: LoadOptions & { words?: number }): ByteDataset;
  verify(folder: string): FileCheck[];
}
