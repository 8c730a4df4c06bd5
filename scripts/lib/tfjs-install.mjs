import { existsSync } from 'node:fs';
import { SetupError } from './failure.mjs';
import { npm } from './npm.mjs';
import { firstError } from './run.mjs';
import { during, say } from './say.mjs';
import { buildTfjs, keepTfjs } from './tfjs-build.mjs';
import { bindingPath, installPackage, packageDir, tryBinding } from './tfjs-package.mjs';
import { tfjsStatus } from './tfjs-status.mjs';
import { nvidiaDriver } from './variant.mjs';

const TWENTY_MINUTES = 20 * 60_000;

/**
 * Sets up tfjs-node as npm would, with its own downloads (TensorFlow 2.9.1, for a GPU CUDA 11.2); where they are not
 * reached or see no GPU, builds it against a TensorFlow that serves (see buildTfjs). Either way it lies in the cache.
 * @param {{gpu?: boolean, tensorflow?: string, force?: boolean, env?: NodeJS.ProcessEnv}} options
 * @returns {Promise<object>} the record, as in fusor.json there
 */
export async function installTfjs({ gpu = false, tensorflow, force = false, env = process.env } = {}) {
  const { record, upToDate } = tfjsStatus({ gpu, env });
  if (upToDate && !force && !tensorflow) return record;
  if (tensorflow || env.TENSORFLOW_DIR) return buildTfjs({ gpu, tensorflow, force, env });
  try {
    await checkReach(env);
    return await keepTfjs(gpu, env, (folder, log) =>
      installAsNpm(folder, log.replace(/log$/, 'npm.log'), gpu, env),
    );
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`fusor: npm's own install of tfjs-node does not serve: ${error.message}; building it instead`);
    return buildTfjs({ gpu, force, env });
  }
}

/** Any answer will do; a proxy that npm's own install uses, and Node's fetch does not, is left to it. */
async function checkReach(env) {
  if (['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].some((name) => env[name])) return;
  const host =
    env.TFJS_NODE_BASE_URI ||
    env.TFJS_NODE_CDN_STORAGE ||
    env.CDN_STORAGE ||
    'https://storage.googleapis.com/';
  await fetch(host, { method: 'HEAD', signal: AbortSignal.timeout(15_000) }).catch((error) => {
    throw new SetupError('ERR_NET', [`${host} is not reached: ${error.cause?.message ?? error.message}`], {
      cause: error,
    });
  });
}

/** The package's own install script, run by name: npm 12 leaves install scripts out. */
async function installAsNpm(folder, log, gpu, env) {
  await installPackage(folder, { env, log });
  const cwd = packageDir(folder, gpu);
  const options = { log, cwd, env, flags: 'a', timeout: TWENTY_MINUTES };
  const status = await during('fetching libtensorflow 2.9.1', () => npm(['run', 'install'], options));
  if (status !== 0 || !existsSync(bindingPath(folder, gpu)))
    throw new SetupError('ERR_NET', [`its install script failed: ${firstError(log)}, see ${log}`]);
  const { version, seesGpu } = await tryBinding(bindingPath(folder, gpu), { env, log });
  if (gpu && !seesGpu && nvidiaDriver(env))
    throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
      `TensorFlow ${version} sees no GPU: it wants CUDA 11.2`,
    ]);
  return { way: 'npm', version, cuda: gpu ? '11.2' : null, libraries: [] };
}
