import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../../support/script';
import { testUnless } from '../../support/skip';

const binding = join(repository, 'dist', 'backend', 'native', 'binding.js');
const built = existsSync(join(repository, 'build', 'fusor.node'));

/** How often a thread of GNU's OpenMP looks before it sleeps, as it says itself; and what a child process would find. */
function turns(variables: Record<string, string>): [turns: string | undefined, left: string] {
  const code = `require(${JSON.stringify(binding)}).loadBinding(); console.log(String(process.env.GOMP_SPINCOUNT))`;
  const { OMP_WAIT_POLICY: _, GOMP_SPINCOUNT: __, ...env } = process.env;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', code], {
    encoding: 'utf8',
    env: { ...env, OMP_DISPLAY_ENV: 'VERBOSE', ...variables },
  });
  return [/GOMP_SPINCOUNT = '(\w+)'/.exec(stderr)?.[1], stdout.trim()];
}

testUnless(
  (!built && 'the native backend is not built') ||
    (process.platform !== 'linux' && '/proc is of Linux alone'),
)('a framework that a worker thread has loaded is known in every thread', () => {
  const known = JSON.stringify(join(repository, 'dist', 'backend', 'loaded-framework.js'));
  const code = `const { loadedFramework } = require(${known}); console.log(loadedFramework());
    const code = ${JSON.stringify(`require(${JSON.stringify(binding)}).loadBinding(); setInterval(() => {}, 9e9); require('node:worker_threads').parentPort.postMessage(1)`)};
    new (require('node:worker_threads').Worker)(code, { eval: true }).once('message', () => { console.log(loadedFramework()); process.exit(); });`;
  const { stdout } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  expect(stdout).toBe('null\nlibtorch\n');
});

testUnless(
  (!built && 'the native backend is not built') ||
    (process.platform !== 'linux' && "libtorch has GNU's OpenMP on Linux alone"),
)("libtorch's threads do not spin for long, unless the user says so", () => {
  expect(turns({})).toEqual(['1000', 'undefined']);
  expect(turns({ GOMP_SPINCOUNT: '77' })).toEqual(['77', '77']);
  expect(turns({ OMP_WAIT_POLICY: 'passive' })).toEqual(['0', 'undefined']);
});
