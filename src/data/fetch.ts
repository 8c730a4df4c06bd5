/** Brings a data set from the web into the data folder. scripts/lib/ does it, as it does for libtorch. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../version';
import { dataFolder } from './cache';
import type { DatasetEntry, Place } from './entry';
import { hereFolder, kerasFolder } from './places';

interface FetchScript {
  fetchData(options: {
    name: string;
    folder: string;
    files: DatasetEntry['files'];
    mirror?: string;
    archives: string[];
    quiet: boolean;
  }): Promise<void>;
}

/**
 * Into `<data folder>/<name>`: with progress on stderr, checked against its digest, whole or not at all; what broke off
 * goes on in the next call. An archive that lies there already, or where Keras keeps its, is taken instead.
 * @throws ERR_NET, ERR_DATA_DIGEST, ERR_DATA_FORMAT
 */
export async function fetchDataset(
  { name, files }: DatasetEntry,
  { dataDir, mirror, quiet = false }: Place & { mirror?: string; quiet?: boolean },
): Promise<void> {
  const base = dataFolder(dataDir);
  const folder = join(base, name);
  const archives = [folder, base, kerasFolder(), hereFolder()];
  const script = pathToFileURL(join(packageRoot, 'scripts', 'lib', 'fetch-data.mjs')).href;
  const { fetchData }: FetchScript = await import(script);
  await fetchData({ name, folder, files, mirror, archives, quiet });
}
