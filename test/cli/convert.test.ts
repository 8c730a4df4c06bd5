import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentOf, fusor, WASM } from '../support/cli';
import { temporaryFolder } from '../support/script';

// Each command is a process of its own, and a busy machine takes its time for each.
jest.setTimeout(240_000);

const cwd = temporaryFolder();
const run = (...words: string[]) => fusor(words, { cwd });

beforeAll(async () => {
  const flags = [
    '--limit',
    '100',
    '--epochs',
    '1',
    '--layers',
    '4',
    '--quiet',
    '--seed',
    '3',
    '--run-dir',
    'run',
  ];
  expect((await run('train', ...flags, ...WASM)).status).toBe(0);
});

test('ours to TensorFlow.js and back: the same model', async () => {
  const there = documentOf(await run('convert', 'run', 'web', '--json'));
  expect(there).toMatchObject({
    schema: 'fusor.conversion',
    from: 'fusor',
    to: 'tfjs',
    parameters: 3190,
    leftOut: [],
  });
  expect(readdirSync(join(cwd, 'web')).sort()).toEqual(['model.json', 'weights.bin']);
  const back = documentOf(await run('convert', 'web/model.json', 'back.safetensors', '--json'));
  expect(back).toMatchObject({ from: 'tfjs', to: 'fusor' });
  const models = ['run', 'web', 'back.safetensors'];
  const tested = await Promise.all(
    models.map(
      async (model) => documentOf(await run('evaluate', model, '--limit', '50', '--json', ...WASM)).test,
    ),
  );
  expect(tested).toEqual([tested[0], tested[0], tested[0]]);
  const seen = documentOf(await run('inspect', 'web', '--json'));
  expect(seen).toMatchObject({ format: 'tfjs', kind: 'model', maker: expect.stringMatching(/^fusor /) });
  expect(seen.tensors).toEqual(documentOf(await run('inspect', 'run', '--json')).tensors);
});

test('what has no counterpart there is said; how to test it follows from its outputs', async () => {
  const flags = [
    '--model',
    'run/model',
    '--optimizer',
    'adamw',
    '--epochs',
    '1',
    '--limit',
    '100',
    '--quiet',
  ];
  expect((await run('train', ...flags, '--run-dir', 'adamw', ...WASM)).status).toBe(0);
  const { status, stderr } = await run('convert', 'adamw', 'adamw-web');
  expect([status, stderr]).toEqual([0, expect.stringContaining('left out: optimizer, loss and metrics')]);
  const tested = documentOf(await run('evaluate', 'adamw-web', '--limit', '50', '--json', ...WASM)).test;
  expect(tested).toEqual(documentOf(await run('evaluate', 'adamw', '--limit', '50', '--json', ...WASM)).test);
});

test('train --model goes on from a run and from a file of either kind; a run without a model says so', async () => {
  const rest = ['--epochs', '1', '--limit', '100', '--seed', '3', '--json', ...WASM];
  for (const name of ['m.keras', 'm.npz']) expect((await run('convert', 'run', name)).status).toBe(0);
  const [first, ...others] = await Promise.all(
    ['run', 'm.keras', 'm.npz'].map(async (model, i) =>
      documentOf(await run('train', '--model', model, ...rest, '--run-dir', `on${i}`)),
    ),
  );
  for (const { history } of others) expect(history[0].loss).toBe(first.history[0].loss);
  rmSync(join(cwd, 'on0', 'model'), { recursive: true });
  const { status, stderr } = await run('evaluate', 'on0', ...WASM);
  expect([status, stderr]).toEqual([4, expect.stringMatching(/this run has no model yet .* --resume/)]);
  expect((await run('inspect', 'on0')).status).toBe(0);
});

test.each<[string, string[], number, string]>([
  ['a destination that is there', ['run', 'run'], 2, 'ERR_ARG'],
  ['no such format', ['run', 'x', '--to', 'tfj'], 2, 'ERR_ARG'],
  ['a pickle', ['model.pt', 'x'], 4, 'ERR_FILE_FORMAT'],
  ['to a pickle', ['run', 'x.pt'], 2, 'ERR_ARG'],
  ['weights outside the folder', ['escaping', 'x'], 4, 'ERR_PATH_ESCAPE'],
])('%s', async (_, words, status, code) => {
  mkdirSync(join(cwd, 'escaping'), { recursive: true });
  const json = {
    modelTopology: { class_name: 'Sequential', config: { layers: [DENSE] } },
    weightsManifest: MANIFEST,
  };
  writeFileSync(join(cwd, 'escaping', 'model.json'), JSON.stringify(json));
  if (!existsSync(join(cwd, 'escaping', 'weights.bin'))) {
    writeFileSync(join(cwd, 'outside.bin'), new Uint8Array(8));
    symlinkSync(join(cwd, 'outside.bin'), join(cwd, 'escaping', 'weights.bin'));
  }
  const ran = await run('convert', ...words);
  expect([ran.status, ran.stdout]).toEqual([status, '']);
  expect(ran.stderr).toMatch(new RegExp(`^error: [^\\n]+ \\[${code}\\]\\n$`));
  expect(existsSync(join(cwd, 'x'))).toBe(false);
});

const DENSE = { class_name: 'Dense', config: { name: 'd', units: 1, batch_input_shape: [null, 1] } };
const MANIFEST = [
  {
    paths: ['weights.bin'],
    weights: [
      { name: 'd/kernel', shape: [1, 1], dtype: 'float32' },
      { name: 'd/bias', shape: [1], dtype: 'float32' },
    ],
  },
];
