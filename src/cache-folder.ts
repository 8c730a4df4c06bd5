import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * The folder where fusor keeps what it fetches: `$FUSOR_CACHE`, else `$XDG_CACHE_HOME/fusor`, else `~/.cache/fusor`;
 * the same as in scripts/lib/paths.mjs. An empty or relative XDG_CACHE_HOME is ignored, as the XDG base directory
 * specification says.
 */
export function cacheFolder(env: Record<string, string | undefined> = process.env): string {
  if (env.FUSOR_CACHE) return resolve(env.FUSOR_CACHE);
  const base = env.XDG_CACHE_HOME;
  return join(base?.startsWith('/') ? base : join(homedir(), '.cache'), 'fusor');
}
