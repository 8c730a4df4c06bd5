import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './failure.mjs';
import { cacheDir } from './paths.mjs';
import { findPip, installWheels, megabytes, needPlan, planSize } from './pip.mjs';
import { say } from './say.mjs';
import { inStaging } from './staging.mjs';

/** The version whose report native/kernels/cuda/resources.json holds; libtorch for CUDA 13.0 brings the same. */
export const PINNED_NVRTC = '13.0.88';

/**
 * The folder of NVRTC, fetched into the cache by pip where it is not there: for tests, which compile the CUDA kernels
 * without a GPU. Who trains on a GPU uses the NVRTC that libtorch brings.
 * @returns {Promise<string>} @throws {SetupError} where it cannot be had
 */
export async function provideNvrtc(env = process.env) {
  const parent = join(cacheDir(env), 'nvrtc');
  const target = join(parent, PINNED_NVRTC);
  if (existsSync(target)) return target;
  return inStaging(parent, async (folder) => {
    if (existsSync(target)) return target;
    const python = await findPip(env);
    if (!python) throw new SetupError('ERR_NET', ['no python3 with pip to fetch NVRTC', 'PATH']);
    const wheels = await needPlan(python, [`nvidia-cuda-nvrtc==${PINNED_NVRTC}`], { env, folder });
    say(`fusor: NVRTC ${PINNED_NVRTC}, for the tests, is a download of ${megabytes(await planSize(wheels))}`);
    await installWheels(python, wheels, { title: 'fetching NVRTC by pip', env, folder });
    const libraries = join(folder, 'site', 'nvidia', 'cu13', 'lib');
    const kept = join(folder, 'kept');
    mkdirSync(kept);
    // `.alt.` is a second build of the same.
    for (const name of readdirSync(libraries).filter((name) => !name.includes('.alt.'))) {
      renameSync(join(libraries, name), join(kept, name));
    }
    renameSync(kept, target);
    return target;
  });
}
