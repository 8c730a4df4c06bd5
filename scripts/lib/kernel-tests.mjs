import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './failure.mjs';
import { writeAtomically } from './files.mjs';
import { checkTools, parallelJobs } from './native-build.mjs';
import { kernelTestInputs } from './native-inputs.mjs';
import { buildDir, root } from './paths.mjs';
import { firstError, runLogged } from './run.mjs';
import { during } from './say.mjs';

/**
 * Builds native/test against the kernels, or against the fused trainers too: neither torch nor Node, so it works where
 * libtorch is missing.
 * @param {{sanitize?: string, target?: 'fusor_kernel_test' | 'fusor_engine_test' | 'fusor_driver_test' |
 *   'fusor_gpu_test' | 'fusor_cuda_test' | 'fusor_cuda_resources'}} options
 *   sanitize: as in -fsanitize=, for example `address,undefined`
 * @returns {Promise<string>} the executable
 */
export async function buildKernelTests({
  sanitize = '',
  target = 'fusor_kernel_test',
  env = process.env,
} = {}) {
  checkTools(env);
  const tree = join(buildDir, sanitize ? `native-test-${sanitize.replaceAll(',', '-')}` : 'native-test');
  const program = join(tree, target);
  const stamp = join(tree, `.${target}-inputs`);
  const inputs = kernelTestInputs([sanitize]);
  if (existsSync(program) && existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) return program;

  const log = `${tree}.log`;
  rmSync(stamp, { force: true });
  mkdirSync(tree, { recursive: true });
  const defines = [
    '-DCMAKE_BUILD_TYPE=Release',
    '-DFUSOR_ADDON=OFF',
    '-DFUSOR_TESTS=ON',
    `-DFUSOR_SANITIZE=${sanitize}`,
  ];
  await during(`building the kernel tests${sanitize && ` with ${sanitize}`}`, async () => {
    const configured = await runLogged('cmake', ['-S', join(root, 'native'), '-B', tree, ...defines], {
      log,
      env,
    });
    const build = ['--build', tree, '--target', target, '--parallel', String(parallelJobs())];
    const status = configured || (await runLogged('cmake', build, { log, flags: 'a', env }));
    if (status !== 0) {
      throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
        'the kernel tests do not build',
        firstError(log),
        `see ${log}`,
      ]);
    }
  });
  writeAtomically(stamp, inputs);
  return program;
}
