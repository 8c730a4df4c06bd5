/** What a data set known by name is made of. */
import type { FileDigest } from './digests';
import type { ImageDataset, LoadOptions } from './idx-folder';
import type { NDArray } from './ndarray';

/** Rows and their labels. */
export interface LabelledRows {
  /** [rows, …] */
  x: NDArray;
  /** [rows] class labels; [rows] or [rows, outputs] values */
  y: NDArray;
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
  load(folder: string, options: LoadOptions & { words?: number }): ImageDataset;
  verify(folder: string): FileCheck[];
}
