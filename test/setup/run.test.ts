/** Programs that setup runs: none outlives it, and nothing is left to chance where folders cannot be made. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callScript, repository, run, temporaryFolder } from '../support/script';
import { testUnless } from '../support/skip';

const folder = temporaryFolder();
const { engines } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
const script = (name: string) => join(repository, 'scripts/lib', name);

test('a setup that is told to stop waits for what it runs', async () => {
  const ended = join(folder, 'ended');
  // As npm: it takes its time to end.
  writeFileSync(
    join(folder, 'slow.cjs'),
    `const { writeFileSync } = require('node:fs');
     process.on('SIGTERM', () => setTimeout(() => { writeFileSync(${JSON.stringify(ended)}, ''); process.exit(0); }, 500));
     setInterval(() => {}, 1000);
     console.log('runs');`,
  );
  const log = join(folder, 'log');
  const program = `import { runLogged } from ${JSON.stringify(script('run.mjs'))};
    await runLogged(process.execPath, [${JSON.stringify(join(folder, 'slow.cjs'))}], { log: ${JSON.stringify(log)} });
    console.log('went on');`;
  const setup = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  setup.stdout.on('data', (text) => {
    said += text;
  });
  while (!(existsSync(log) && readFileSync(log, 'utf8').includes('runs')))
    await new Promise((done) => setTimeout(done, 20));
  setup.kill('SIGTERM');
  const [status] = await once(setup, 'exit');
  expect([status, existsSync(ended), said]).toEqual([143, true, '']);
}, 30_000);

test('a program that cannot be started ends at once, whatever its time', async () => {
  const began = performance.now();
  const { value } = await callScript(script('run.mjs'), 'runQuiet', ['/absent', [], { timeout: 20_000 }]);
  expect(value).toMatchObject({ status: -1, stderr: expect.stringContaining('ENOENT') });
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('a folder in /proc is refused', async () => {
  const { error } = await callScript(script('files.mjs'), 'makeFolders', ['/proc/none/of/ours']);
  expect(error?.code).toBe('ENOENT');
});

test.each([
  ['18.20.8', true],
  ['20.16.0', true],
  ['20.17.0', false],
  ['22.0.0', false],
])('Node.js %s is too old: %p', async (version, isTooOld) => {
  const { value } = await callScript(script('node-version.mjs'), 'tooOld', [version]);
  expect(value).toEqual(
    isTooOld
      ? [
          `Node.js ${version} is too old for fusor`,
          process.execPath,
          expect.stringMatching(/^install Node\.js \d+\.\d+ or newer$/),
        ]
      : undefined,
  );
});

test('the library says so, too', () => {
  const program = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });
    require(${JSON.stringify(repository)});`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([1, expect.stringContaining('Node.js 18.20.8 is too old for fusor · ')]);
  expect(stderr).toContain(`install Node.js ${engines.node.slice(2)} or newer`);
});

test.each([
  [
    'ERR_IO',
    'pip found the disk full · ',
    'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n',
  ],
  [
    'ERR_NET',
    'pip failed: ERROR: No matching',
    'WARNING: Retrying\nERROR: No matching distribution found: torch\n',
  ],
])('what pip says is %s', async (code, message, said) => {
  const log = join(folder, 'pip.log');
  writeFileSync(log, said);
  const { value } = await callScript(script('pip.mjs'), 'refused', ['pip failed', log]);
  expect(value).toMatchObject({ code, message: expect.stringContaining(message) });
});

const noMounts =
  spawnSync('unshare', ['-rm', 'true']).status === 0 ? null : 'unshare -rm is not allowed here';
testUnless(noMounts)(
  'on a read-only file system nobody is waited for, and what is finished goes on',
  async () => {
    const work = `import { withLock } from ${JSON.stringify(script('lock.mjs'))};
    console.log(await withLock('${folder}/build/.setup.lock', async () => 'went on'));`;
    const inside = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"';
    mkdirSync(join(folder, 'build'));
    const node = [process.execPath, '--input-type=module', '-e', work];
    const args = ['-rm', 'sh', '-c', inside, 'sh', join(folder, 'build'), ...node];
    expect(await run('unshare', args)).toEqual({ status: 0, stdout: 'went on\n', stderr: '' });
  },
);
