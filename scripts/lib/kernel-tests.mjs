import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './failure.mjs';
import { isStamped, makeFolders, writeAtomically } from './files.mjs';
import { withLock } from './lock.mjs';
import { checkTools, parallelJobs } from './native-build.mjs';
import { kernelTestInputs } from './native-inputs.mjs';
import { buildDir, nativeTree, root } from './paths.mjs';
import { firstError, runLogged } from './run.mjs';
import { during } from './say.mjs';

/**
 * Builds a program of native/test: neither torch nor Node in it. From the addon's objects where there are any, else, and
 * with sanitizers, in a tree of its own, so it works where libtorch is missing.
 * @param {{sanitize?: string, target?: 'fusor_kernel_test' | 'fusor_engine_test' | 'fusor_driver_test' |
 *   'fusor_emulated_test' | 'fusor_emulated_engine_test' | 'fusor_gpu_test' | 'fusor_cuda_test' | 'fusor_cuda_resources'}} options
 *   sanitize: as in -fsanitize=, for example `address,undefined`
 * @returns {Promise<string>} the executable
 */
export async function buildKernelTests({
  sanitize = '',
  target = 'fusor_kernel_test',
  env = process.env,
} = {}) {
  checkTools(env);
  const folder = join(buildDir, sanitize ? `native-test-${sanitize.replaceAll(',', '-')}` : 'native-test');
  const program = join(folder, target);
  const stamp = join(folder, `.${target}-inputs`);
  const inputs = kernelTestInputs([sanitize]);
  if (existsSync(program) && isStamped(stamp, inputs)) return program;

  rmSync(stamp, { force: true });
  makeFolders(folder);
  const shares = !sanitize && existsSync(join(nativeTree, 'CMakeCache.txt'));
  const own = ['-DCMAKE_BUILD_TYPE=Release', '-DFUSOR_ADDON=OFF', `-DFUSOR_SANITIZE=${sanitize}`];
  const defines = ['-DFUSOR_TESTS=ON', `-DFUSOR_TEST_FOLDER=${folder}`, ...(shares ? [] : own)];
  const build = () => make(shares ? nativeTree : folder, defines, { target, env, log: `${folder}.log` });
  await during(`building the kernel tests${sanitize && ` with ${sanitize}`}`, () =>
    shares ? withLock(join(buildDir, '.native.lock'), build) : build(),
  );
  writeAtomically(stamp, inputs);
  return program;
}

async function make(tree, defines, { target, env, log }) {
  const configure = ['-S', join(root, 'native'), '-B', tree, ...defines];
  const configured = await runLogged('cmake', configure, { log, env });
  const build = ['--build', tree, '--target', target, '--parallel', String(parallelJobs())];
  const status = configured || (await runLogged('cmake', build, { log, flags: 'a', env }));
  if (status !== 0) {
    throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
      'the kernel tests do not build',
      firstError(log),
      `see ${log}`,
    ]);
  }
}
