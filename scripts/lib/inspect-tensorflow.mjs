import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from './failure.mjs';

/**
 * Reads what lies in `path`: a Python wheel's `tensorflow` folder, the folder that holds it, or an unpacked
 * libtensorflow (`include/`, `lib/`).
 * @returns {{path, includeDir, libDir, libraries: string[], version?: string, cuda?: string | null}}
 *   cuda: the CUDA version that it was built for, null for a CPU build; what no file tells is undefined
 * @throws {SetupError} naming what is missing
 */
export function inspectTensorflow(path) {
  const home = [path, join(path, 'tensorflow')].find((p) => existsSync(join(p, 'include', 'tensorflow')));
  const header = home && join(home, 'include', 'tensorflow', 'c', 'eager', 'c_api.h');
  if (!header || !existsSync(header)) throw unusable(`no include/tensorflow/c/eager/c_api.h in ${path}`);
  // The wheel says libtensorflow_cc, the C archive libtensorflow; both have the C API.
  const libDir = [home, join(home, 'lib')].find((folder) => library(folder, 'tensorflow_framework'));
  const main = libDir && (library(libDir, 'tensorflow_cc') ?? library(libDir, 'tensorflow'));
  if (!main) {
    throw unusable(`no libtensorflow_cc.so.2 and libtensorflow_framework.so.2 in ${home}`);
  }
  return {
    path: home,
    includeDir: join(home, 'include'),
    libDir,
    libraries: [main, library(libDir, 'tensorflow_framework')],
    version: readVersion(home, libDir),
    cuda: readCuda(home),
  };
}

const unusable = (what) => new SetupError('ERR_BACKEND_UNAVAILABLE', [what]);

/** The name with `.so.2` is the one that a program asks for when it is loaded. */
const library = (folder, name) =>
  [`lib${name}.so.2`, `lib${name}.so`].map((file) => join(folder, file)).find((file) => existsSync(file)) ??
  null;

/** From the wheel's record beside it, or from the archive's full file name. */
function readVersion(home, libDir) {
  const names = [...readdirSync(dirname(home)), ...readdirSync(libDir)];
  const pattern = /^(?:tensorflow(?:_cpu|_intel)?-(\d[\w.]*)\.dist-info|libtensorflow\.so\.(\d+\.\d+\.\d+))$/;
  const found = names.map((name) => pattern.exec(name)).find(Boolean);
  return found?.[1] ?? found?.[2];
}

/** What Python's tf.sysconfig.get_build_info() says. */
function readCuda(home) {
  const file = join(home, 'python', 'platform', 'build_info.py');
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  if (!/'is_cuda_build', True/.test(text)) return null;
  return /'cuda_version', '([\d.]+)'/.exec(text)?.[1] ?? 'of unknown version';
}

/** e.g. "TensorFlow 2.21.0 (CUDA 12.5.1) at /usr/lib/python3/dist-packages/tensorflow". */
export function describeTensorflow({ version, cuda, path }) {
  const build = cuda === undefined ? '' : cuda === null ? ' (CPU)' : ` (CUDA ${cuda})`;
  return `TensorFlow${version ? ` ${version}` : ''}${build} at ${path}`;
}
