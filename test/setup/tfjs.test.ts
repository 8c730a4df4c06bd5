/** `fusor tfjs`: which TensorFlow is taken, what is built against it, and what is left when something fails. */
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localServer } from '../support/local-server';
import { callScript, repository, run, temporaryFolder, toolFolder } from '../support/script';
import { describeUnless } from '../support/skip';
import { fakeArchive, fakeNpm, fakeTensorflow } from '../support/tensorflow';

const folder = temporaryFolder();
const script = join(repository, 'scripts/build-tfjs.mjs');
/** A host that answers, for npm's own install; and one that does not. */
const reached = localServer((_, response) => response.writeHead(200).end());
const unreached = 'http://127.0.0.1:9/';

/** Pythons of which pip offers `requires` and installs a copy of the folder `wheel`; `has`: one has TensorFlow there. */
function fakePython({ wheel = '', requires = [] as string[], has = '' } = {}) {
  const offer = (name: string) => ({
    download_info: { url: 'file:///dev/null' },
    metadata: { name, version: '2.21.0', requires_dist: requires },
  });
  const python = `case "$*" in
    *"pip --version"*) ${wheel ? 'exit 0' : 'exit 1'} ;;
    *sys.version_info*) echo 12; exit 0 ;;
    *find_spec*) echo "${has && join(has, '__init__.py')}"; exit 0 ;;
    esac
    echo "$*" >> "$HOME/pip.calls"
    for word in "$@"; do
      [ "$before" = --report ] && { cat > "$word" <<'REPORT'\n${JSON.stringify({ install: [offer('tensorflow')] })}\nREPORT\n exit 0; }
      [ "$before" = --target ] && site=$word
      before=$word
    done
    cp -r '${wheel}' "$site"`;
  return { python3: python, python: python };
}

let count = 0;
/** A world of its own: an empty cache, this Python, the real compiler. */
function newWorld(python = fakePython(), env: NodeJS.ProcessEnv = {}) {
  const home = join(folder, String(count++));
  const npm = join(home, 'npm');
  const whole: NodeJS.ProcessEnv = {
    PATH: `${toolFolder(join(home, 'bin'), python)}:/usr/local/bin:/usr/bin:/bin`,
    HOME: home,
    npm_execpath: fakeNpm(npm),
    TFJS_NODE_CDN_STORAGE: unreached,
    ...env,
  };
  const calls = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);
  return {
    home,
    env: whole,
    cache: join(home, '.cache/fusor'),
    call: (name: string, options: object = {}) => callScript(script, name, [options], whole),
    status: async () =>
      (await callScript(script, 'tfjsStatus', [{}], whole)).value as {
        upToDate: boolean;
        problems: string[];
      },
    npmCalls: () => calls(join(npm, 'npm.calls')),
    pipCalls: () => calls(join(home, 'pip.calls')),
    left: () => readdirSync(join(home, '.cache/fusor/tfjs')).filter((name) => !name.endsWith('.log')),
  };
}

const obstacle = process.platform !== 'linux' && 'the binding is built on Linux only';
describeUnless(obstacle)('build', () => {
  test('against the folder that is named: package and binding together, complete, without maps', async () => {
    const library = fakeTensorflow(join(folder, 'named'));
    const world = newWorld();
    const { value, error } = await world.call('buildTfjs', { tensorflow: library });
    expect(error).toBeUndefined();
    const home = join(world.cache, 'tfjs/node');
    const binding = join(home, 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node');
    expect(value).toMatchObject({
      way: 'build',
      source: '--tensorflow',
      path: library,
      version: '9.9.9',
      cuda: null,
      binding,
      libraries: [join(library, 'libtensorflow_cc.so.2'), join(library, 'libtensorflow_framework.so.2')],
    });
    expect(JSON.parse(readFileSync(join(home, 'fusor.json'), 'utf8'))).toEqual(value);
    expect(existsSync(binding)).toBe(true);
    expect(existsSync(join(home, 'node_modules/@tensorflow/tfjs-node/dist/index.js.map'))).toBe(false);
    expect(world.left()).toEqual(['node']);
  });

  test('against an unpacked libtensorflow', async () => {
    const tensorflow = fakeArchive(join(folder, 'archive'));
    const { value, error } = await newWorld().call('buildTfjs', { tensorflow });
    expect(error).toBeUndefined();
    expect(value).toMatchObject({ path: tensorflow, libDir: join(tensorflow, 'lib'), version: '2.18.1' });
    expect(value).not.toHaveProperty('cuda');
  });

  test('again: nothing is done; a library that changed: it is said, and built again; one that went: it is said', async () => {
    const library = fakeTensorflow(join(folder, 'changing'));
    const world = newWorld(fakePython(), { TENSORFLOW_DIR: library });
    expect(await world.status()).toMatchObject({
      upToDate: false,
      problems: ['the node engine is not set up'],
    });
    const first = await world.call('buildTfjs');
    expect((await world.call('buildTfjs')).value).toEqual(first.value);
    expect((await world.call('installTfjs')).value).toEqual(first.value);
    expect(world.npmCalls()).toHaveLength(1);
    expect(await world.status()).toMatchObject({ upToDate: true, problems: [] });

    appendFileSync(join(library, 'libtensorflow_cc.so.2'), 'x');
    expect((await world.status()).problems).toEqual([
      'its sources or its TensorFlow changed since it was built',
    ]);
    await world.call('buildTfjs');
    expect(world.npmCalls()).toHaveLength(2);
    expect((await world.status()).upToDate).toBe(true);

    rmSync(join(library, 'libtensorflow_cc.so.2'));
    expect((await world.status()).problems[0]).toMatch(
      /^TensorFlow 9\.9\.9 is no longer at .*_cc\.so\.2 is missing$/,
    );
    expect((await callScript(script, 'cleanTfjs', [world.env], world.env)).value).toEqual([
      join(world.cache, 'tfjs'),
    ]);
  });

  test('against the TensorFlow of a Python, but not a CPU build for a GPU', async () => {
    const library = fakeTensorflow(join(folder, 'python'));
    const world = newWorld(fakePython({ has: library }));
    expect((await world.call('buildTfjs')).value).toMatchObject({ source: 'python', path: library });
    const { error, stderr } = await world.call('buildTfjs', { gpu: true });
    expect(stderr).toContain(`passed over the TensorFlow at ${library}: it is a CPU build`);
    expect(error?.message).toMatch(
      /^no TensorFlow here, and no python3 with pip to fetch it · PATH · install it/,
    );
  });

  test('against the pip wheel, of which only what is needed is kept; it is fetched once', async () => {
    const wheel = join(folder, 'wheel');
    fakeTensorflow(wheel);
    const world = newWorld(fakePython({ wheel }));
    const { value, error } = await world.call('buildTfjs');
    expect(error).toBeUndefined();
    const kept = join(world.cache, 'tensorflow/2.21.0-cpu');
    expect(value).toMatchObject({ source: 'cache', path: join(kept, 'tensorflow'), version: '9.9.9' });
    expect(readdirSync(join(kept, 'tensorflow')).sort()).toEqual([
      ...['include', 'libtensorflow_cc.so.2', 'libtensorflow_framework.so.2', 'python'],
    ]);
    expect(readdirSync(join(world.cache, 'tensorflow'))).toEqual(['2.21.0-cpu']);
    const calls = world.pipCalls();
    expect(calls.at(-1)).toContain('tensorflow==2.21.0');
    await world.call('buildTfjs', { force: true });
    expect(world.pipCalls()).toEqual(calls);
  });

  test('for a GPU: the CUDA packages that the wheel wants, and the size said first', async () => {
    const wheel = join(folder, 'gpu-wheel');
    fakeTensorflow(wheel, { cuda: true });
    const requires = [
      'absl-py>=1.0.0',
      'nvidia-cudnn-cu12<10.0,>=9.3; extra == "and-cuda"',
      'nvidia-nccl-cu12<3.0,>=2.27; extra == "and-cuda"',
    ];
    const world = newWorld(fakePython({ wheel, requires }));
    const { value, stderr } = await world.call('buildTfjs', { gpu: true });
    expect(value).toMatchObject({ package: '@tensorflow/tfjs-node-gpu', cuda: '12.5.1' });
    expect(stderr).toMatch(/TensorFlow 2\.21\.0 with its CUDA libraries is a download of \d+ MB/);
    expect(stderr).toContain('TensorFlow 9.9.9 sees no GPU here; it was built for CUDA 12.5.1');
    const plans = world.pipCalls().filter((call) => call.includes('--report'));
    expect(plans[0]).toMatch(/ tensorflow==2\.21\.0$/);
    expect(plans[1]).toMatch(/ nvidia-cudnn-cu12<10\.0,>=9\.3 nvidia-nccl-cu12<3\.0,>=2\.27$/);
    expect(world.left()).toEqual(['node-gpu']);
  });

  test.each([
    [
      'nowhere',
      {},
      /^--tensorflow=.* is not a TensorFlow that fusor can use: no include\/tensorflow\/c\/eager\/c_api\.h/,
    ],
    ['a CPU build for a GPU', { gpu: true }, /is not a TensorFlow that fusor can use: it is a CPU build · /],
  ])('%s, named: one line', async (name, options, message) => {
    const tensorflow = join(folder, 'refused', name.replaceAll(' ', '-'), 'tensorflow');
    if (name !== 'nowhere') fakeTensorflow(join(tensorflow, '..'));
    const { error } = await newWorld().call('buildTfjs', { tensorflow, ...options });
    expect(error?.code).toBe('ERR_BACKEND_UNAVAILABLE');
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toContain('\n');
  });

  test.each([
    [
      'does not compile',
      'nonsense;',
      /^building tfjs-node's binding failed · .*error: .*nonsense.* · see .*node\.log$/,
    ],
    [
      'does not load',
      '',
      /^the binding of tfjs-node does not load · .*did not self-register.* · see .*node\.log$/,
    ],
  ])('a binding that %s: one line, and what was there stays', async (_name, source, message) => {
    const tensorflow = fakeTensorflow(join(folder, `broken-${count}`));
    const world = newWorld();
    const first = await world.call('buildTfjs', { tensorflow });
    fakeNpm(join(world.home, 'npm'), source);
    const { error } = await world.call('buildTfjs', { tensorflow, force: true });
    expect(error?.code).toBe('ERR_BACKEND_UNAVAILABLE');
    expect(error?.message).toMatch(message);
    expect(JSON.parse(readFileSync(join(world.cache, 'tfjs/node/fusor.json'), 'utf8'))).toEqual(first.value);
    expect((await world.call('tfjsStatus')).value).toMatchObject({ upToDate: true });
    expect(world.left()).toEqual(['node']);
  });

  test('no compiler, no npm: one line each', async () => {
    const library = fakeTensorflow(join(folder, 'tools'));
    const bare = newWorld(fakePython(), { TENSORFLOW_DIR: library });
    bare.env.PATH = join(bare.home, 'bin');
    expect((await bare.call('buildTfjs')).error?.message).toMatch(
      /^no C\+\+17 compiler · PATH · install one/,
    );
    const offline = newWorld(fakePython(), { TENSORFLOW_DIR: library, FAKE_NPM: 'fails' });
    const { error } = await offline.call('buildTfjs');
    expect(error).toMatchObject({ code: 'ERR_NET' });
    expect(error?.message).toMatch(/^npm could not install tfjs-node · npm error network is down · see /);
    expect(offline.left()).toEqual([]);
  });
});

describeUnless(obstacle)('install', () => {
  test('as npm does, where its downloads are reached; then it is there', async () => {
    const tensorflow = fakeTensorflow(join(folder, 'bundled'), { version: '2.9.1' });
    const maker = newWorld();
    const { value } = await maker.call('buildTfjs', { tensorflow });
    const { binding } = value as { binding: string };

    const world = newWorld(fakePython(), { TFJS_NODE_CDN_STORAGE: `${reached.url}/`, FAKE_BINDING: binding });
    const first = await world.call('installTfjs');
    expect(first.value).toMatchObject({ way: 'npm', version: '2.9.1', cuda: null });
    expect((await world.call('installTfjs')).value).toEqual(first.value);
    expect(world.npmCalls().map((call) => call.split(' ')[0])).toEqual(['ci', 'run']);
  });

  test.each([
    ['not reached', () => unreached, /:9\/ is not reached: .*; building it instead/],
    [
      'not there',
      () => `${reached.url}/`,
      /its install script failed: Error: no such archive, see .*; building it instead/,
    ],
  ])('npm’s downloads are %s: said, and built', async (_name, host, reason) => {
    const library = fakeTensorflow(join(folder, `fallback-${count}`));
    const world = newWorld(fakePython({ has: library }), { TFJS_NODE_CDN_STORAGE: host() });
    const { value, stderr } = await world.call('installTfjs');
    expect(stderr).toMatch(reason);
    expect(value).toMatchObject({ way: 'build', version: '9.9.9' });
    expect(world.left()).toEqual(['node']);
  });
});

describeUnless(obstacle)('when it goes wrong', () => {
  test('killed while it works: nothing under the final name, and the next one mends it', async () => {
    const library = fakeTensorflow(join(folder, 'killed'));
    const world = newWorld(fakePython(), { TENSORFLOW_DIR: library });
    // The fake npm kills what started it.
    writeFileSync(join(world.home, 'npm/kill.cjs'), 'process.kill(process.ppid, "SIGKILL");');
    const env = { ...world.env, npm_execpath: join(world.home, 'npm/kill.cjs') };
    const killed = await run(process.execPath, [script], { env });
    expect(killed.status).toBe('SIGKILL');
    expect(world.left().filter((name) => !name.startsWith('tmp-') && !name.startsWith('.lock'))).toEqual([]);
    expect((await world.call('buildTfjs')).value).toMatchObject({ version: '9.9.9' });
    expect(world.left()).toEqual(['node']);
  });

  test('for the tests’ set-up it may be missing: one line, and the rest goes on', async () => {
    const world = newWorld();
    const file = join(repository, 'scripts/lib/setup-tfjs.mjs');
    const { error, stderr } = await callScript(file, 'setUpTfjs', [world.env], world.env);
    expect(error).toBeUndefined();
    expect(stderr).toMatch(
      /^fusor: TensorFlow is not set up, its tests are left out: no TensorFlow here, .*\n$/,
    );
  });
});
