import { existsSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './failure.mjs';
import { makeFolders } from './files.mjs';
import { inspectTensorflow } from './inspect-tensorflow.mjs';
import { tensorflowCacheDir } from './paths.mjs';
import { findPip, installWheels, megabytes, needPlan, planSize } from './pip.mjs';
import { say } from './say.mjs';
import { inStaging } from './staging.mjs';

const PINNED_TENSORFLOW = '2.21.0';

const CURE = 'or set TENSORFLOW_DIR to a Python TensorFlow or an unpacked libtensorflow';

/** The headers of the C API and what they include: 14 files, where a wheel brings 280 MB of them. */
const HEADERS = ['tensorflow/c', 'tensorflow/core/platform', 'tsl/platform', 'xla/tsl/c'];

/** Where a fetched one lies. */
export const cachedTensorflow = (gpu, env, version = PINNED_TENSORFLOW) =>
  join(tensorflowCacheDir(env), `${version}-${gpu ? 'gpu' : 'cpu'}`);

/**
 * Brings TensorFlow's libraries into the cache by pip: the CPU wheel, or the GPU wheel with its CUDA 12 packages.
 * @param {{gpu?: boolean, version?: string, env?: NodeJS.ProcessEnv}} options
 */
export async function fetchTensorflow({ gpu = false, version = PINNED_TENSORFLOW, env = process.env } = {}) {
  const target = cachedTensorflow(gpu, env, version);
  return inStaging(tensorflowCacheDir(env), async (folder) => {
    if (existsSync(target)) return { source: 'cache', ...inspectTensorflow(target) };
    const python = await findPip(env);
    if (!python) {
      throw new SetupError('ERR_NET', [
        'no TensorFlow here, and no python3 with pip to fetch it',
        'PATH',
        `install it, on Debian \`apt-get install python3-pip\`, ${CURE}`,
      ]);
    }
    try {
      await install(python, { gpu, version, env, folder });
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      throw new SetupError('ERR_NET', [
        `TensorFlow ${version} could not be fetched: ${error.message}`,
        python,
        `check the network and pip, ${CURE}`,
      ]);
    }
    return keep(join(folder, 'site'), join(folder, 'kept'), target);
  });
}

async function install(python, { gpu, version, env, folder }) {
  const [wheel] = await needPlan(python, [`tensorflow${gpu ? '' : '-cpu'}==${version}`], { env, folder });
  const cuda = gpu ? cudaOf(wheel) : [];
  const wheels = [wheel, ...(cuda.length ? await needPlan(python, cuda, { env, folder, deps: true }) : [])];
  const what = `TensorFlow ${version}${gpu ? ' with its CUDA libraries' : ''}`;
  say(`fusor: ${what} is a download of ${megabytes(await planSize(wheels))}`);
  await installWheels(python, wheels, { title: `fetching ${what} by pip`, env, folder });
}

/** NVIDIA's packages, which the wheel wants for `tensorflow[and-cuda]`; the rest of its needs are Python's. */
const cudaOf = ({ requires }) =>
  requires
    .filter((line) => line.startsWith('nvidia-') && /extra == ["']and-cuda["']/.test(line))
    .map((line) => line.split(';')[0].trim());

/** Takes along what building and loading need (the CUDA libraries are found by their place beside it). */
function keep(site, kept, target) {
  const parts = [
    ...readdirSync(site).filter((name) => name === 'nvidia' || /^tensorflow.*\.dist-info$/.test(name)),
    ...['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2', 'python/platform/build_info.py'].map(
      (name) => `tensorflow/${name}`,
    ),
    ...HEADERS.map((name) => `tensorflow/include/${name}`),
  ].filter((name) => existsSync(join(site, name)));
  for (const name of parts) {
    makeFolders(join(kept, name, '..'));
    renameSync(join(site, name), join(kept, name));
  }
  inspectTensorflow(kept);
  renameSync(kept, target);
  return { source: 'cache', ...inspectTensorflow(target) };
}
