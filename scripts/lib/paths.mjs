import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder: the checkout, or node_modules/fusor. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Everything built lies here; nothing else is written into the package but dist/ and node_modules/. */
export const buildDir = join(root, 'build');
export const addonPath = join(buildDir, 'fusor.node');
export const addonRecordPath = join(buildDir, 'fusor.json');
/** Where cmake builds the addons. */
export const nativeTree = join(buildDir, 'native');

/** The cache folder: `$FUSOR_CACHE`, else `$XDG_CACHE_HOME/fusor`, else `~/.cache/fusor`. */
export function cacheDir(env = process.env) {
  if (env.FUSOR_CACHE) return resolve(env.FUSOR_CACHE);
  // The XDG specification: a relative path is invalid and is ignored.
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return join(env.XDG_CACHE_HOME, 'fusor');
  return join(env.HOME || homedir(), '.cache', 'fusor');
}

export const libtorchCacheDir = (env = process.env) => join(cacheDir(env), 'libtorch');

/** TensorFlow's libraries that were fetched. */
export const tensorflowCacheDir = (env = process.env) => join(cacheDir(env), 'tensorflow');

/** Where tfjs-node (`node`) or tfjs-node-gpu (`node-gpu`) lies with its binding; src/backend/tfjs/packages.ts looks there. */
export const tfjsDir = (engine, env = process.env) => join(cacheDir(env), 'tfjs', engine);
