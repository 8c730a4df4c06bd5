import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { isOn } from './environment.mjs';
import { SetupError } from './failure.mjs';
import { cachedFolders, inspectLibtorch, inspectSystem } from './inspect-libtorch.mjs';
import { libtorchCacheDir } from './paths.mjs';
import { packageFolder, pythons } from './python.mjs';
import { wantedVariant } from './variant.mjs';

const CURE = 'run `npx fusor native fetch-libtorch`, or set LIBTORCH to an unpacked libtorch';

/**
 * Finds libtorch in tch-rs's order and names: `libtorch` or LIBTORCH (with LIBTORCH_INCLUDE, LIBTORCH_LIB),
 * LIBTORCH_USE_PYTORCH=1, our cache, a `python3` that has torch, the system's.
 * What was asked for by name is taken or is an error; the rest is passed over, and `rejected` says why.
 *
 * @param {{libtorch?: string, env?: NodeJS.ProcessEnv, anyVariant?: boolean}} options
 *   anyVariant: take a CPU build although the machine's driver wants a CUDA build
 * @returns {Promise<{found: object | null, rejected: string[]}>}
 */
export async function searchLibtorch({ libtorch, env = process.env, anyVariant = false } = {}) {
  const named = libtorch ?? (env.LIBTORCH || null);
  if (named || env.LIBTORCH_INCLUDE || env.LIBTORCH_LIB)
    return { found: byName(named, libtorch ? '--libtorch' : 'LIBTORCH', env), rejected: [] };
  if (isOn(env.LIBTORCH_USE_PYTORCH)) return { found: await byPython(env), rejected: [] };

  const wanted = wantedVariant(env);
  const rejected = [];
  const accept = (source, look) => {
    try {
      const found = look();
      if (!found) return null;
      const mismatch = anyVariant && !wanted.asked ? null : variantMismatch(found, wanted);
      if (!mismatch) return { source, ...found };
      rejected.push(`${found.path}: ${mismatch}`);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      rejected.push(`${source}: ${error.message}`);
    }
    return null;
  };

  for (const folder of cachedFolders(libtorchCacheDir(env))) {
    const found = accept('cache', () => inspectLibtorch(folder));
    if (found) return { found, rejected };
  }
  const folder = await packageFolder('torch', env);
  const found =
    (folder && accept('python', () => inspectLibtorch(folder))) || accept('system', inspectSystem);
  return { found: found || null, rejected };
}

/** Like {@link searchLibtorch}, but finding nothing is an error. @returns {Promise<object>} */
export async function findLibtorch(options = {}) {
  const { found, rejected } = await searchLibtorch(options);
  if (found) return found;
  const why = rejected.length
    ? `passed over ${rejected.join('; ')}`
    : `looked in ${libtorchCacheDir(options.env)}, python3, the system`;
  throw new SetupError('ERR_BACKEND_UNAVAILABLE', ['no libtorch found', why, CURE]);
}

function byName(path, name, env) {
  const include = env.LIBTORCH_INCLUDE || undefined;
  const lib = env.LIBTORCH_LIB || undefined;
  const where = path ?? dirname(lib ?? include);
  const asked = `${name}=${path ?? ''}`;
  if (!existsSync(where)) throw refused(asked, 'that folder does not exist', where);
  try {
    return { source: name, ...inspectLibtorch(where, { include, lib }) };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw refused(asked, error.message, where);
  }
}

const refused = (asked, why, where) =>
  new SetupError(
    'ERR_BACKEND_UNAVAILABLE',
    [`${asked} is not a libtorch that fusor can use: ${why}`, where, CURE],
    {
      details: { tried: where },
    },
  );

async function byPython(env) {
  const folder = await packageFolder('torch', env);
  if (!folder) {
    const tried = pythons(env).join(', ') || 'no python3 on PATH';
    throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
      'LIBTORCH_USE_PYTORCH is set but no Python has torch',
      tried,
      'activate the environment that has it, or run `python3 -m pip install torch`',
    ]);
  }
  try {
    return { source: 'LIBTORCH_USE_PYTORCH', ...inspectLibtorch(folder) };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw refused('LIBTORCH_USE_PYTORCH', error.message, folder);
  }
}

function variantMismatch(found, wanted) {
  const cuda = found.variant.startsWith('cu');
  if (wanted.asked && found.variant !== wanted.variant)
    return `it is a ${found.variant} build, FUSOR_LIBTORCH asks for ${wanted.variant}`;
  if (!wanted.asked && wanted.variant !== 'cpu' && !cuda)
    return `it is a CPU build, and there is an NVIDIA driver (${wanted.driver})`;
  return null;
}
