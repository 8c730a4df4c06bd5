import { existsSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { SetupError } from './failure.mjs';
import { hashFiles, makeFolders, readJson, writeAtomically } from './files.mjs';
import { fingerprint } from './inspect-libtorch.mjs';
import { describeTensorflow } from './inspect-tensorflow.mjs';
import { root, tfjsDir } from './paths.mjs';
import { firstError, runLogged, runQuiet, which } from './run.mjs';
import { during, say } from './say.mjs';
import { inStaging } from './staging.mjs';
import { provideTensorflow } from './tensorflow.mjs';
import {
  bindingPath,
  engineName,
  installPackage,
  manifests,
  packageDir,
  packageName,
  tryBinding,
} from './tfjs-package.mjs';

/** cmake-js brings Node-API's headers: no header of a Node version is downloaded. */
const napiHeaders = () =>
  createRequire(createRequire(import.meta.url).resolve('cmake-js/package.json'))('node-api-headers')
    .include_dir;

/**
 * Builds tfjs-node's binding from the sources of its npm package against TensorFlow's own libraries, and keeps package
 * and binding together in the cache folder, where `npm ci` does not reach. Nothing half-done gets the final name.
 *
 * @param {{gpu?: boolean, tensorflow?: string, force?: boolean, env?: NodeJS.ProcessEnv}} options
 *   tensorflow: a folder, see provideTensorflow; force: build although nothing changed
 * @returns {Promise<object>} the record, as in fusor.json there
 */
export async function buildTfjs({ gpu = false, tensorflow, force = false, env = process.env } = {}) {
  const compiler = findCompiler(env);
  const library = await provideTensorflow({ tensorflow, gpu, env });
  const inputsHash = tfjsInputs(library);
  return keepTfjs(gpu, env, async (folder, log, old) => {
    if (
      !force &&
      old?.inputsHash === inputsHash &&
      existsSync(bindingPath(tfjsDir(engineName(gpu), env), gpu))
    )
      return null;
    await installPackage(folder, { env, log });
    await during(`building tfjs-node's binding against ${describeTensorflow(library)}`, () =>
      compile(compiler, folder, gpu, library, { env, log }),
    );
    const { version, seesGpu } = await tryBinding(bindingPath(folder, gpu), { env, log });
    if (gpu && !seesGpu)
      say(`fusor: TensorFlow ${version} sees no GPU here; it was built for CUDA ${library.cuda}`);
    return {
      way: 'build',
      ...library,
      version,
      compiler: (await runQuiet(compiler, ['--version'], { env })).stdout.split('\n')[0],
      inputsHash,
    };
  });
}

/** To be raised when what is done below gives another result: checkouts of several versions share the cache. */
const RECIPE = 1;

/** The binding's sources are in the package, so its lock stands for them. */
export const tfjsInputs = (library) =>
  hashFiles(
    root,
    [join(manifests, 'package-lock.json')],
    [RECIPE, fingerprint(library), library.path, process.arch],
  );

/**
 * Gives the engine's folder its content: `make(folder, log, old)` fills a new folder and returns its record, or null
 * when what is there already (`old`: its record) serves.
 */
export async function keepTfjs(gpu, env, make) {
  const target = tfjsDir(engineName(gpu), env);
  return inStaging(dirname(target), async (staging) => {
    const old = readJson(join(target, 'fusor.json'));
    const folder = join(staging, 'new');
    const made = await make(folder, `${target}.log`, old);
    if (!made) return old;
    const record = {
      package: packageName(gpu),
      packageVersion: readJson(join(packageDir(folder, gpu), 'package.json')).version,
      binding: bindingPath(target, gpu),
      ...made,
      node: process.version,
      builtAt: new Date().toISOString(),
    };
    writeAtomically(join(folder, 'fusor.json'), `${JSON.stringify(record, null, 2)}\n`);
    if (existsSync(target)) renameSync(target, join(staging, 'old'));
    renameSync(folder, target);
    return record;
  });
}

function findCompiler(env) {
  if (process.platform !== 'linux') {
    throw new SetupError('ERR_UNSUPPORTED', [
      "tfjs-node's binding is built on Linux only",
      process.platform,
      'try `npm install @tensorflow/tfjs-node@4.22.0`, or use --tfjs-engine wasm',
    ]);
  }
  const found = [env.CXX, 'g++', 'clang++'].map((name) => name && which(name, env)).find(Boolean);
  if (found) return found;
  throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
    'no C++17 compiler',
    'PATH',
    'install one, on Debian `apt-get install g++`',
  ]);
}

/** By hand: node-gyp would want the headers of this Node version, and the libraries under the names of TensorFlow 2.9. */
async function compile(compiler, folder, gpu, { includeDir, libDir, libraries }, { env, log }) {
  const cwd = packageDir(folder, gpu);
  const output = bindingPath(folder, gpu);
  makeFolders(dirname(output));
  const sources = ['tfjs_backend', 'tfjs_binding'];
  const flags = ['-std=c++17', '-O2', '-fPIC', '-DNAPI_VERSION=8', '-I.', `-I${napiHeaders()}`];
  const run = (args) => runLogged(compiler, args, { log, flags: 'a', cwd, env });
  const compiled = await Promise.all(
    sources.map((name) =>
      run([...flags, '-isystem', includeDir, '-c', `binding/${name}.cc`, '-o', `${name}.o`]),
    ),
  );
  const linked =
    compiled.every((status) => status === 0) &&
    (await run([
      '-shared',
      ...sources.map((name) => `${name}.o`),
      '-o',
      output,
      ...libraries,
      `-Wl,-rpath,${libDir}`,
    ])) === 0;
  if (!linked) {
    throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
      "building tfjs-node's binding failed",
      firstError(log),
      `see ${log}`,
    ]);
  }
  for (const name of sources) rmSync(join(cwd, `${name}.o`));
}
