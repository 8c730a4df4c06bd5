/** The addon and the C++ test programs under the compiler's sanitizers. */
import { join } from 'node:path';
import { callScript, type Ended, repository, run } from '../support/script';

async function built(name: string, options: object): Promise<string> {
  const script = join(repository, 'scripts/build-native.mjs');
  const { value, error } = await callScript(script, name, [options]);
  if (error) throw new Error(error.message);
  return value as string;
}

export const ADDRESS_UNDEFINED = 'address,undefined';

export const sanitizedAddon = () => built('buildTestAddon', { sanitize: ADDRESS_UNDEFINED });
export const kernelTest = (sanitize: string) => built('buildKernelTests', { sanitize });
export const engineTest = (sanitize: string) =>
  built('buildKernelTests', { sanitize, target: 'fusor_engine_test' });
export const driverTest = () => built('buildKernelTests', { target: 'fusor_driver_test' });
export const gpuTest = () => built('buildKernelTests', { target: 'fusor_gpu_test' });
export const emulatedTest = () => built('buildKernelTests', { target: 'fusor_emulated_test' });
export const emulatedEngineTest = () => built('buildKernelTests', { target: 'fusor_emulated_engine_test' });

/** What a sanitized addon needs of stock Node: the sanitizer's library before any other, libstdc++ for its interceptors. */
export async function underAddressSanitizer(leaks = false): Promise<NodeJS.ProcessEnv> {
  const paths = ['libasan.so', 'libstdc++.so'].map(async (library) => {
    const { stdout } = await run('g++', [`-print-file-name=${library}`]);
    return stdout.trim();
  });
  return {
    LD_PRELOAD: (await Promise.all(paths)).join(' '),
    ASAN_OPTIONS: `detect_leaks=${leaks ? 1 : 0}`,
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  };
}

/** Leaks that LeakSanitizer reports with a frame of our addon, by its source or, without symbols, by its file; Node and V8 leave plenty of their own at exit. */
export function ownLeaks({ stderr }: Ended): string[] {
  return stderr
    .split(/\n\n/)
    .filter((block) => /^(Direct|Indirect) leak of/m.test(block))
    .filter((block) => [`${repository}/native/`, 'fusor_faults.node'].some((ours) => block.includes(ours)));
}
