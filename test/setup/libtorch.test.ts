import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { C10_OLD_ABI, fakeLibtorch, libraryPath } from '../support/libtorch';
import { callScript, repository, temporaryFolder, toolFolder } from '../support/script';

const script = join(repository, 'scripts/build-native.mjs');
const folder = temporaryFolder();

interface Found {
  source: string;
  path: string;
  version: string;
  variant: string;
  cxx11abi: boolean;
  libraries: string[];
}

/** An environment where only what a test puts there can be found. */
function world(name: string, torchOfPython?: string): NodeJS.ProcessEnv {
  const home = join(folder, name);
  // A python3 that answers the finder's question, and fails any other.
  const answer = `case "$2" in *find_spec*) echo '${torchOfPython ? `${torchOfPython}/__init__.py` : ''}' ;; *) exit 1 ;; esac`;
  return {
    PATH: toolFolder(join(home, 'bin'), { python3: answer }),
    HOME: home,
    FUSOR_CACHE: join(home, 'cache'),
  };
}

async function find(env: NodeJS.ProcessEnv, options: object = {}) {
  const { value, error } = await callScript(script, 'findLibtorch', [options], env);
  return { found: value as Found, error };
}

describe('the order in which libtorch is found', () => {
  const python = fakeLibtorch(join(folder, 'order/site-packages/torch'), { version: '2.9.0' });
  const env = world('order', python);
  const named = fakeLibtorch(join(folder, 'order/named'), { version: '2.4.1' });
  const option = fakeLibtorch(join(folder, 'order/option'), { version: '2.5.0' });
  const cached = join(folder, 'order/cache/libtorch');
  fakeLibtorch(join(cached, '2.9.1-cpu/torch'), { version: '2.9.1' });
  fakeLibtorch(join(cached, '2.13.0-cpu/libtorch'), { version: '2.13.0' });

  test('--libtorch before LIBTORCH', async () => {
    const { found } = await find({ ...env, LIBTORCH: named }, { libtorch: option });
    expect(found).toMatchObject({ source: '--libtorch', path: option, version: '2.5.0' });
  });

  test('LIBTORCH before LIBTORCH_USE_PYTORCH', async () => {
    const { found } = await find({ ...env, LIBTORCH: named, LIBTORCH_USE_PYTORCH: '1' });
    expect(found).toMatchObject({ source: 'LIBTORCH', path: named, version: '2.4.1', variant: 'cpu' });
    expect(found.libraries).toEqual(['torch', 'torch_cpu', 'c10'].map((name) => libraryPath(named, name)));
  });

  test('LIBTORCH_USE_PYTORCH before the cache', async () => {
    const { found } = await find({ ...env, LIBTORCH_USE_PYTORCH: '1' });
    expect(found).toMatchObject({ source: 'LIBTORCH_USE_PYTORCH', path: python });
  });

  test('the cache before python3, its newest version first (2.13 is newer than 2.9)', async () => {
    const { found } = await find(env);
    expect(found).toMatchObject({ source: 'cache', version: '2.13.0' });
  });

  test('python3 when the cache is empty', async () => {
    const { found } = await find({ ...env, FUSOR_CACHE: join(folder, 'order/nothing') });
    expect(found).toMatchObject({ source: 'python', path: python, version: '2.9.0' });
  });

  test('FUSOR_LIBTORCH passes over a build of another variant', async () => {
    fakeLibtorch(join(cached, '2.9.0-cu126/torch'), { version: '2.9.0', label: 'cu126', cuda: true });
    const { found } = await find({ ...env, FUSOR_LIBTORCH: 'cu126' });
    expect(found).toMatchObject({ source: 'cache', variant: 'cu126' });
    expect(found.libraries).toHaveLength(5);
    rmSync(join(cached, '2.9.0-cu126'), { recursive: true });
  });
});

describe('what was asked for by name and is wrong is an error', () => {
  const env = world('wrong');

  test.each([
    ['a folder that does not exist', () => join(folder, 'absent'), /LIBTORCH=.*absent.* does not exist/],
    [
      'an empty folder',
      () => mkdirSync(join(folder, 'empty'), { recursive: true }) ?? join(folder, 'empty'),
      /no .*libtorch\./,
    ],
    [
      'a version too old',
      () => fakeLibtorch(join(folder, 'old'), { version: '1.13.1' }),
      /version 1\.13\.1.*2\.4 to 2\.14/,
    ],
    ['a version too new', () => fakeLibtorch(join(folder, 'new'), { version: '2.15.0' }), /version 2\.15\.0/],
  ])('%s', async (_name, make, message) => {
    const path = make();
    const { error } = await find({ ...env, LIBTORCH: path });
    expect(error?.code).toBe('ERR_BACKEND_UNAVAILABLE');
    expect(error?.message).toMatch(message);
    expect(error?.message).toContain(path);
    expect(error?.message).toMatch(/ · run `npx fusor native fetch-libtorch`/);
    expect(error?.message).not.toContain('\n');
  });

  test('headers missing', async () => {
    const path = fakeLibtorch(join(folder, 'headless'));
    rmSync(join(path, 'include'), { recursive: true });
    const { error } = await find({ ...env, LIBTORCH: path });
    expect(error?.message).toMatch(/no torch\/torch\.h below/);
  });

  test('LIBTORCH_USE_PYTORCH where no Python has torch', async () => {
    const { error } = await find({ ...env, LIBTORCH_USE_PYTORCH: '1' });
    expect(error?.message).toMatch(/LIBTORCH_USE_PYTORCH is set but no Python has torch · .*python3 · /);
  });

  test('FUSOR_LIBTORCH with an unknown variant', async () => {
    const { error } = await find({ ...env, FUSOR_LIBTORCH: 'cu999' });
    expect(error).toMatchObject({ code: 'ERR_ARG', message: expect.stringContaining('cpu, cu126, cu130') });
  });
});

test('the old std::string of early wheels is seen', async () => {
  const old = fakeLibtorch(join(folder, 'old-abi'), { version: '2.5.1', c10: C10_OLD_ABI });
  const { found } = await find({ ...world('abi'), LIBTORCH: old });
  const expected = process.platform !== 'linux';
  expect(found.cxx11abi).toBe(expected);
});

describe('the variant that an NVIDIA driver wants', () => {
  const variantFile = join(repository, 'scripts/lib/variant.mjs');
  const wanted = async (env: NodeJS.ProcessEnv, driver: string | null) =>
    ((await callScript(variantFile, 'wantedVariant', [env, driver])).value as { variant: string }).variant;
  const linux = process.platform === 'linux';

  test.each([
    [null, 'cpu'],
    ['470.82.01', 'cpu'],
    ['525.60.13', linux ? 'cu126' : 'cpu'],
    ['579.99', linux ? 'cu126' : 'cpu'],
    ['580.65.06', linux ? 'cu130' : 'cpu'],
  ])('driver %s: %s', async (driver, variant) => {
    expect(await wanted({}, driver)).toBe(variant);
  });

  test('FUSOR_LIBTORCH decides over the driver', async () => {
    expect(await wanted({ FUSOR_LIBTORCH: 'cpu' }, '580.65.06')).toBe('cpu');
  });
});
