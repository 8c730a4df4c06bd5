import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentOf, fusor, WASM } from '../support/cli';
import { FILES, idxPair, writeIdxFolder } from '../support/idx';
import { temporaryFolder } from '../support/script';

const cwd = temporaryFolder();

test('devices: every way, usable or with the reason and the cure', async () => {
  const { devices } = documentOf(await fusor(['devices', '--json'], { cwd }));
  const ways = devices.map(
    ({ backend, engine }: { backend: string; engine: string }) => `${backend} ${engine}`,
  );
  expect(new Set(ways)).toEqual(
    new Set(['native libtorch', 'tfjs node-gpu', 'tfjs node', 'tfjs wasm', 'tfjs cpu']),
  );
  for (const { usable, deviceName, reason, cure } of devices) {
    if (usable) expect([deviceName, reason, cure]).toEqual([expect.stringMatching(/./), '', '']);
    else expect([reason, cure]).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)]);
  }
  expect(devices.find(({ engine }: { engine: string }) => engine === 'wasm').usable).toBe(true);
});

test('doctor: one line a check, exit 0 where something is usable', async () => {
  const [people, json] = await Promise.all([
    fusor(['doctor'], { cwd }),
    fusor(['doctor', '--json'], { cwd }),
  ]);
  expect([people.status, people.stderr]).toEqual([0, '']);
  const { checks, usable } = documentOf(json);
  expect(usable).toBe(true);
  const names = checks.map(({ name }: { name: string }) => name);
  for (const name of [
    'node',
    'npm packages',
    'C++ compiler',
    'cmake',
    'python pip',
    'NVIDIA driver',
    'cache folder',
  ]) {
    expect(names).toContain(name);
  }
  for (const name of ['mnist', 'libtorch', 'native addon', 'tfjs wasm cpu']) expect(names).toContain(name);
  const lines = people.stdout.split('\n').filter((line) => /^(ok|not) /.test(line));
  expect(lines).toHaveLength(checks.length);
  for (const { ok, found, cure } of checks) if (!ok) expect(found + cure).not.toBe('');
});

test('doctor: says what is wrong with the data and the cache', async () => {
  const file = join(cwd, 'a-file');
  writeFileSync(file, '');
  const env = { FUSOR_CACHE: '', XDG_CACHE_HOME: join(file, 'cache') };
  const { checks } = documentOf(
    await fusor(['doctor', '--json', '--data-dir', join(cwd, 'none')], { cwd, env }),
  );
  const find = (name: string) => checks.find((check: { name: string }) => check.name === name);
  expect(find('mnist')).toMatchObject({ ok: false, found: expect.stringContaining('none') });
  expect(find('cache folder')).toMatchObject({ ok: false, cure: expect.stringContaining('XDG_CACHE_HOME') });
});

describe('data', () => {
  test('list, path and verify', async () => {
    const { datasets } = documentOf(await fusor(['data', 'list', '--json'], { cwd }));
    const { stdout } = await fusor(['data', 'path', 'mnist'], { cwd });
    expect(datasets[0]).toEqual({ name: 'mnist', title: expect.any(String), folder: stdout.trim() });
    expect(datasets).toHaveLength(4);
    const { ok, files } = documentOf(await fusor(['data', 'verify', 'mnist', '--json'], { cwd }));
    expect(ok).toBe(true);
    expect(files.map(({ md5 }: { md5: string }) => md5)).toContain('6bbc9ace898e44ae57da46a324031adb');
  });

  test('verify: a folder of the user, whole and not; another MNIST', async () => {
    const folder = writeIdxFolder(join(cwd, 'own'));
    expect((await fusor(['data', 'verify', folder], { cwd })).stdout).toContain(
      '30 rows to train, 12 to test, 3 classes',
    );
    expect((await fusor(['data', 'path', 'own'], { cwd })).stdout).toBe(`${folder}\n`);
    expect((await fusor(['data', 'verify', 'mnist', '--data-dir', folder], { cwd })).status).toBe(3);
    writeFileSync(join(folder, FILES.testLabels), idxPair(3).labels);
    expect((await fusor(['data', 'verify', folder], { cwd })).status).toBe(3);
  });

  test('not there', async () => {
    mkdirSync(join(cwd, 'empty'));
    const { status, stderr } = await fusor(['data', 'path', 'mnist', '--data-dir', 'empty'], { cwd });
    expect([status, stderr]).toEqual([3, expect.stringContaining('ERR_DATA_MISSING')]);
    const { stdout } = await fusor(['data', 'list', '--data-dir', 'empty'], { cwd });
    expect(stdout).toContain('not here');
  });
});

describe('what a run holds', () => {
  const flags = ['--limit', '60', '--epochs', '2', '--layers', '4', '--run-dir', 'run', '--quiet', ...WASM];
  beforeAll(async () => expect((await fusor(['train', ...flags], { cwd })).status).toBe(0));

  test('inspect: layers, parameters, training, tensors and epochs', async () => {
    const document = documentOf(await fusor(['inspect', 'run', '--json'], { cwd }));
    expect(document).toMatchObject({
      schema: 'fusor.inspection',
      kind: 'run',
      model: { parameters: 784 * 4 + 4 + 40 + 10 },
      compile: { optimizer: { kind: 'adam' }, loss: { kind: 'categoricalCrossentropy' } },
      tensors: [
        { name: 'dense/kernel', dtype: 'F32', shape: [784, 4] },
        { name: 'dense/bias', dtype: 'F32', shape: [4] },
        { name: 'dense_1/kernel', dtype: 'F32', shape: [4, 10] },
        { name: 'dense_1/bias', dtype: 'F32', shape: [10] },
      ],
    });
    expect(document.run.history).toHaveLength(2);
    const { stdout } = await fusor(['inspect', 'run/model'], { cwd });
    for (const words of ['dense_1', 'optimizer adam', 'dense/kernel', '[784, 4]'])
      expect(stdout).toContain(words);
  });

  test('inspect: of a run without a model the newest checkpoint; without that its settings and epochs', async () => {
    cpSync(join(cwd, 'run'), join(cwd, 'half'), { recursive: true });
    rmSync(join(cwd, 'half', 'model'), { recursive: true });
    const [whole, half] = ['run', 'half'].map((name) => fusor(['inspect', name, '--json'], { cwd }));
    const { tensors, run } = documentOf(await half);
    expect({ tensors, epochs: run.history.length }).toEqual({
      tensors: documentOf(await whole).tensors,
      epochs: 2,
    });
    rmSync(join(cwd, 'half', 'checkpoints'), { recursive: true });
    const begun = documentOf(await fusor(['inspect', 'half', '--json'], { cwd }));
    expect(begun).toMatchObject({ kind: 'run', model: null, compile: null, tensors: [] });
    expect(begun.run.history).toHaveLength(2);
    const { status, stdout } = await fusor(['inspect', 'half'], { cwd });
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^no model yet: .*\n\nepoch +loss/)]);
  });

  test('predict: an IDX file of images', async () => {
    const pixels = new Uint8Array(2 * 784).map((_, i) => i % 256);
    const header = Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]);
    writeFileSync(join(cwd, 'two.idx'), Buffer.concat([header, pixels]));
    const ran = await fusor(['predict', 'run', '--data', 'two.idx', '--json', ...WASM], { cwd });
    expect(documentOf(ran).predictions).toHaveLength(2);
    const table = await fusor(['predict', 'run', '--data', 'two.idx', '--limit', '1', '--quiet', ...WASM], {
      cwd,
    });
    expect(table.stdout).toMatch(/^row +class +probability\n.*\n +0 +\d +0\.\d{4}\n$/);
    const labels = await fusor(['predict', 'run', '--data', join(cwd, 'two.idx'), ...WASM, '--limit', '0'], {
      cwd,
    });
    expect(labels.status).toBe(2);
  });
});

test.each([
  ['LIBTORCH', [], { LIBTORCH: '/nowhere' }],
  ['--libtorch', ['--libtorch', '/nowhere'], { LIBTORCH: '/elsewhere' }],
] as const)('native build: a wrong %s is called so', async (name, flags, env) => {
  const { status, stderr } = await fusor(['native', 'build', ...flags], { cwd, env });
  expect([status, stderr]).toEqual([5, expect.stringMatching(`^error: ${name}=/nowhere is not a libtorch`)]);
});

test('native status: what is built, as one document', async () => {
  const document = documentOf(await fusor(['native', 'status', '--json'], { cwd }));
  expect(document).toMatchObject({
    schema: 'fusor.native',
    built: expect.any(Boolean),
    problems: expect.any(Array),
  });
});
