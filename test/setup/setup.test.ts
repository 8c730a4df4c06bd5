import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  callScript,
  repository,
  run,
  smallCheckout,
  temporaryFolder,
  toolFolder,
  writeTree,
} from '../support/script';
import { describeUnless } from '../support/skip';

const folder = temporaryFolder();
let count = 0;
const checkout = (options?: { modules: boolean }) => smallCheckout(join(folder, String(count++)), options);
const bareTools = toolFolder(join(folder, 'bare'));
const fakeCompiler = toolFolder(join(folder, 'compiler'), {
  cmake: 'exit 1',
  'g++': 'exit 1',
  make: 'exit 1',
});

/** Only what is named: nothing of the caller's own settings. */
const world = (path: string, env: NodeJS.ProcessEnv = {}) => ({
  PATH: path,
  HOME: folder,
  FUSOR_CACHE: join(folder, 'cache'),
  ...env,
});
const setup = (root: string, env: NodeJS.ProcessEnv, args: string[] = []) =>
  run(process.execPath, [join(root, 'scripts/setup.mjs'), ...args], { cwd: root, env });
const linesAbout = (text: string, pattern: RegExp) => text.split('\n').filter((line) => pattern.test(line));
const skipNative = { FUSOR_SKIP_NATIVE: '1' };

test('a missing compiler: two lines, exit 0, and everything else is set up', async () => {
  const root = checkout();
  const { status, stderr } = await setup(root, world(bareTools));
  expect(status).toBe(0);
  const lines = linesAbout(stderr, /native|TensorFlow\.js/);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/no native backend: no cmake, no C\+\+20 compiler.* · PATH · /);
  expect(lines[1]).toMatch(/training runs on TensorFlow\.js/);
  expect(existsSync(join(root, 'dist/cli/main.js'))).toBe(true);

  const command = await run(process.execPath, [join(root, 'node_modules/.bin/fusor'), 'hello']);
  expect(command).toMatchObject({ status: 3, stdout: 'hello\n' });
});

test('a missing compiler fails the tests’ setup, in one line', async () => {
  const { status, stderr } = await setup(checkout(), world(bareTools), ['--test']);
  expect(status).toBe(1);
  expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^fusor: no cmake.*\[ERR_BACKEND_UNAVAILABLE\]$/);
});

test('FUSOR_SKIP_NATIVE=1 says so in two lines, also for the tests', async () => {
  const root = writeTree(checkout(), { 'native/test/some.cc': '' });
  const { status, stderr } = await setup(root, world(bareTools, skipNative), ['--test']);
  expect(status).toBe(0);
  expect(linesAbout(stderr, /FUSOR_SKIP_NATIVE|TensorFlow\.js/)).toHaveLength(2);
});

test('a wrong LIBTORCH: named with its path and the cure; training goes on, the tests do not', async () => {
  const root = checkout();
  const env = world(fakeCompiler, { LIBTORCH: '/nowhere/libtorch' });
  const { status, stderr } = await setup(root, env);
  expect(status).toBe(0);
  expect(stderr).toMatch(
    /LIBTORCH=\/nowhere\/libtorch is not a libtorch .*does not exist · \/nowhere\/libtorch · run /,
  );
  expect((await setup(root, env, ['--test'])).status).toBe(1);
});

test('the second run does nothing, and says nothing but the skipped backend', async () => {
  const root = checkout();
  const env = world(bareTools, skipNative);
  expect((await setup(root, env)).stderr).toContain('compiling TypeScript');
  const begun = Date.now();
  const { stderr } = await setup(root, env);
  expect(Date.now() - begun).toBeLessThan(2000);
  expect(stderr).not.toContain('compiling');
});

test('a changed source is compiled, a deleted output too', async () => {
  const root = checkout();
  const env = world(bareTools, skipNative);
  await setup(root, env);
  writeFileSync(join(root, 'src/cli/main.ts'), 'export const changed = 1;\n');
  await setup(root, env);
  expect(readFileSync(join(root, 'dist/cli/main.js'), 'utf8')).toContain('changed');
  rmSync(join(root, 'dist/cli/main.js'));
  await setup(root, env);
  expect(existsSync(join(root, 'dist/cli/main.js'))).toBe(true);
});

test('TypeScript that does not compile: one line, exit 1, the old dist/ stays', async () => {
  const root = checkout();
  const env = world(bareTools, skipNative);
  await setup(root, env);
  writeFileSync(join(root, 'src/cli/main.ts'), 'export const wrong: number = "text";\n');
  const { status, stderr } = await setup(root, env);
  expect(status).toBe(1);
  expect(stderr).toMatch(/fusor: TypeScript does not compile · src\/cli\/main\.ts\(1,14\): error TS2322/);
  expect(readFileSync(join(root, 'dist/cli/main.js'), 'utf8')).toContain('argv');
});

test('killed while it compiles: nothing under the final name, and the next run mends it', async () => {
  const root = checkout();
  const env = world(bareTools, skipNative);
  const child = spawn(process.execPath, [join(root, 'scripts/setup.mjs')], {
    cwd: root,
    env,
    stdio: 'ignore',
    detached: true,
  });
  const ended = new Promise((done) => child.once('exit', done));
  const build = join(root, 'build');
  while (!existsSync(build) || !readdirSync(build).some((name) => name.startsWith('dist-'))) await sleep(5);
  // The whole group, as when the power goes.
  process.kill(-(child.pid as number), 'SIGKILL');
  await ended;
  expect(existsSync(join(root, 'dist'))).toBe(false);
  expect(existsSync(join(build, '.setup.lock'))).toBe(true);

  expect((await setup(root, env)).status).toBe(0);
  expect(existsSync(join(root, 'dist/cli/main.js'))).toBe(true);
  expect(readdirSync(build).filter((name) => /^(dist-|\.setup\.lock)/.test(name))).toEqual([]);
});

test('two at once: one waits for the other, both end well', async () => {
  const root = checkout();
  const env = world(bareTools, skipNative);
  const both = await Promise.all([setup(root, env), setup(root, env)]);
  expect(both.map(({ status }) => status)).toEqual([0, 0]);
  const text = both.map(({ stderr }) => stderr).join('');
  expect(linesAbout(text, /compiling TypeScript …/)).toHaveLength(1);
  expect(linesAbout(text, /is setting up too; waiting/)).toHaveLength(1);
});

describe('dependencies', () => {
  /** An npm that notes its calls and installs what the lock says, or fails. */
  const npm = (fails = '') =>
    toolFolder(join(folder, `npm-${count++}`), {
      npm: `PATH=/bin:/usr/bin; echo "$1" >> npm.calls
        ${fails && `echo 'npm error ${fails}' >&2; exit 1`}
        mkdir -p node_modules; cp package-lock.json node_modules/.package-lock.json`,
    });
  const calls = (root: string) => readFileSync(join(root, 'npm.calls'), 'utf8').trim().split('\n');

  test('npm ci once when node_modules is absent, again when the lock changed', async () => {
    const root = checkout({ modules: false });
    const env = world(npm(), skipNative);
    await setup(root, env);
    await setup(root, env);
    expect(calls(root)).toEqual(['ci']);
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    lock.packages['node_modules/yargs'].version = '17.0.0';
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lock));
    await setup(root, env);
    expect(calls(root)).toEqual(['ci', 'ci']);
  });

  test('npm install when npm ci refuses the lock', async () => {
    const root = checkout({ modules: false });
    mkdirSync(join(root, 'build'));
    const { status, stderr } = await setup(root, world(npm('code EUSAGE'), skipNative));
    expect(calls(root)).toEqual(['ci', 'install']);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /fusor: npm could not install the dependencies · npm error code EUSAGE · see .*npm\.log/,
    );
  });
});

test('without dist/, the command says what to run', async () => {
  const root = checkout();
  const { status, stderr } = await run(process.execPath, [join(root, 'scripts/fusor.mjs'), 'train']);
  expect(status).toBe(1);
  expect(stderr).toBe(
    'fusor: not set up yet · dist/ is absent · run `npm run setup` (or `npm start`) first\n',
  );
});

test('the state of a build whose libtorch is gone', async () => {
  const root = checkout();
  const record = { version: '2.13.0', path: '/gone', libraries: ['/gone/lib/libtorch.so'], variant: 'cpu' };
  mkdirSync(join(root, 'build'));
  const status = async () =>
    (await callScript(join(root, 'scripts/build-native.mjs'), 'nativeStatus')).value as {
      built: boolean;
      problems: string[];
    };
  expect(await status()).toMatchObject({ built: false, upToDate: false });
  writeFileSync(join(root, 'build/fusor.node'), '');
  writeFileSync(join(root, 'build/fusor.json'), JSON.stringify(record));
  expect(await status()).toMatchObject({ built: true, upToDate: false });
  expect((await status()).problems[0]).toBe(
    'libtorch 2.13.0 is no longer at /gone: /gone/lib/libtorch.so is missing',
  );
});

const native = join(repository, 'build/fusor.json');
describeUnless(!existsSync(native) && 'the native backend is not built')('this checkout', () => {
  test('a second setup takes under a second (2 s allowed) and says nothing', async () => {
    // Asked first: a stale checkout must fail here, not be rebuilt under the feet of the other tests.
    const native = await callScript(join(repository, 'scripts/build-native.mjs'), 'nativeStatus');
    const compiled = await callScript(join(repository, 'scripts/build-typescript.mjs'), 'isCompiled');
    expect([compiled.value, native.value]).toEqual([true, expect.objectContaining({ problems: [] })]);
    const begun = Date.now();
    const { status, stderr } = await setup(repository, process.env);
    const milliseconds = Date.now() - begun;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(milliseconds).toBeLessThan(2000);
  });
});
