import { resolve } from 'node:path';
import { cacheFolder } from '../cache-folder';

/** The folder of the data sets: `dataDir` if given, else `$FUSOR_DATA`, else the cache folder. */
export function dataFolder(dataDir?: string, env: Record<string, string | undefined> = process.env): string {
  const folder = dataDir || env.FUSOR_DATA;
  return folder ? resolve(folder) : cacheFolder(env);
}
