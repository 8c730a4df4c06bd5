/** The data sets that fusor knows by name. To add one, write its entry and name it here. */
import { existsSync, rmSync } from 'node:fs';
import { join, sep } from 'node:path';
import { FusorError, isFusorError, nearestName } from '../errors';
import { dataFolder } from './cache';
import { cifar10 } from './cifar10';
import type { DatasetEntry, Place } from './entry';
import { fetchDataset } from './fetch';
import { fashionMnist, mnist } from './idx-sets';
import { imdb } from './imdb-set';

export type { DatasetEntry, Place } from './entry';

const REGISTRY: readonly DatasetEntry[] = [mnist, fashionMnist, cifar10, imdb];

export function datasetNames(): string[] {
  return REGISTRY.map((entry) => entry.name);
}

/** --data has another variable: else another set than the one that is meant would be taken. @throws ERR_ARG */
function checkFolder(): void {
  const folder = process.env.FUSOR_DATA ?? '';
  if (!datasetNames().includes(folder) || existsSync(folder)) return;
  throw new FusorError(
    'ERR_ARG',
    [
      `FUSOR_DATA is the folder of all data sets, and no folder ${folder} is here`,
      '',
      `did you mean FUSOR_DATASET=${folder}?`,
    ],
    { argument: 'FUSOR_DATA' },
  );
}

/** @throws ERR_ARG for a name that is nearly one, ERR_DATA_MISSING for what may be a file */
export function findDataset(name: string): DatasetEntry {
  checkFolder();
  const entry = REGISTRY.find((candidate) => candidate.name === name);
  if (entry) return entry;
  const names = datasetNames();
  const near = nearestName(name, names);
  throw new FusorError(
    near ? 'ERR_ARG' : 'ERR_DATA_MISSING',
    [
      `no data set, file or folder '${name}'`,
      '',
      near ? `did you mean ${near}?` : `name a file or folder, or one of ${names.join(', ')}`,
    ],
    { name, names },
  );
}

/** The folder that holds the data set. @throws ERR_DATA_MISSING naming the folders searched */
export function locateDataset(entry: DatasetEntry, place: Place = {}): string {
  const folders = entry.folders(place);
  const folder = folders.find((candidate) => existsSync(candidate) && entry.isComplete(candidate));
  if (folder) return folder;
  const searched = `looked in ${folders.join(', ')}`;
  throw new FusorError(
    'ERR_DATA_MISSING',
    [
      `the data set ${entry.name} is not there`,
      searched,
      `run npx fusor data fetch ${entry.name}, or put its files into the first of these`,
    ],
    { name: entry.name, folders },
  );
}

/** The folder that holds the data set, fetched where it is nowhere. @throws ERR_DATA_MISSING when offline, ERR_NET, … */
export async function provideDataset(
  entry: DatasetEntry,
  place: Place & { offline?: boolean; mirror?: string; quiet?: boolean },
): Promise<string> {
  try {
    return locateDataset(entry, place);
  } catch (error) {
    if (place.offline) throw error;
  }
  await fetchDataset(entry, place);
  return locateDataset(entry, place);
}

/**
 * As {@link provideDataset}, but files that are there and are not the published ones are fetched anew. Those that others keep stay
 * as they are. @throws ERR_DATA_DIGEST where such ones are found before ours, or when offline
 */
export async function mendDataset(
  entry: DatasetEntry,
  place: Place & { offline?: boolean; mirror?: string; quiet?: boolean },
): Promise<string> {
  const own = join(dataFolder(place.dataDir), entry.name);
  for (let before: string[] = []; ; ) {
    const folder = await provideDataset(entry, place);
    const damaged = damagedIn(entry, folder);
    if (damaged.length === 0) return folder;
    const [file] = damaged;
    if (place.offline || before.includes(file))
      throw new FusorError('ERR_DATA_DIGEST', ['the file is damaged', file, 'remove it, and fetch it anew'], {
        folder,
        files: damaged,
      });
    before = damaged;
    if (folder === own || folder.startsWith(own + sep)) for (const path of damaged) rmSync(path);
    else await fetchDataset(entry, place);
  }
}

/** Of those that cannot be read only the first is known. */
function damagedIn(entry: DatasetEntry, folder: string): string[] {
  try {
    return entry.verify(folder).flatMap(({ ok, file }) => (ok ? [] : file));
  } catch (error) {
    const file = isFusorError(error) && error.code.startsWith('ERR_DATA_') && error.details?.file;
    if (typeof file === 'string') return [file];
    throw error;
  }
}
