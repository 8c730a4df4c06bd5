import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

type Environment = Record<string, string | undefined>;

/**
 * The folder where fusor keeps what it fetches: `$FUSOR_CACHE`, else `$XDG_CACHE_HOME/fusor`, else `~/.cache/fusor`;
 * the same as in scripts/lib/paths.mjs. An empty or relative XDG_CACHE_HOME is ignored, as the XDG base directory specification says.
 */
export function cacheFolder(env: Environment = process.env): string {
  if (env.FUSOR_CACHE) return resolve(env.FUSOR_CACHE);
  const base = env.XDG_CACHE_HOME;
  return join(base?.startsWith('/') ? base : join(homedir(), '.cache'), 'fusor');
}

/** The folder of the data sets: `dataDir` if given, else `$FUSOR_DATA`, else the cache folder. */
export function dataFolder(dataDir?: string, env: Environment = process.env): string {
  const folder = dataDir || env.FUSOR_DATA;
  return folder ? resolve(folder) : cacheFolder(env);
}
