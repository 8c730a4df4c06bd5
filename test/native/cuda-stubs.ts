/** Stub libraries in place of libcuda and NVRTC (native/test/driver): how they fail is said by STUB. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../support/script';

const sources = join(repository, 'native', 'test', 'driver');

/** Compiles both into folders below `folder`. */
export function buildStubs(folder: string): { driver: string; nvrtc: string } {
  const compiled = (name: string, file: string) => {
    const home = join(folder, name);
    mkdirSync(home, { recursive: true });
    execFileSync('cc', [
      '-shared',
      '-fPIC',
      '-O1',
      '-w',
      '-o',
      join(home, file),
      join(sources, `stub_${name}.c`),
    ]);
    return home;
  };
  const driver = compiled('cuda', 'libcuda.so.1');
  const nvrtc = compiled('nvrtc', 'libnvrtc.so.13');
  // What lies beside the real one, and is not it.
  copyFileSync(join(nvrtc, 'libnvrtc.so.13'), join(nvrtc, 'libnvrtc.alt.so.13'));
  return { driver, nvrtc };
}
