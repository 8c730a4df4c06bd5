import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentOf, fusor } from '../support/cli';
import { temporaryFolder } from '../support/script';

const cwd = temporaryFolder();

describe('help', () => {
  test('names every command, on stdout, quickly', async () => {
    const { status, stdout, stderr, milliseconds } = await fusor(['--help'], { cwd });
    expect([status, stderr]).toEqual([0, '']);
    for (const name of [
      'train',
      'evaluate',
      'predict',
      'inspect',
      'convert',
      'verify',
      'compare',
      'devices',
      'doctor',
      'data',
      'bench',
      'native',
    ]) {
      expect(stdout).toContain(`fusor ${name}`);
    }
    // 150 ms on an idle machine: no heavy module may be loaded.
    expect(milliseconds).toBeLessThan(2000);
  });

  test('is the same in German', async () => {
    const [one, other] = await Promise.all([
      fusor(['train', '--help'], { cwd }),
      fusor(['train', '--help'], { cwd, env: { LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' } }),
    ]);
    expect(other.stdout).toBe(one.stdout);
    expect(one.stdout).toContain('--batch-size');
  });

  test('defaults are shown as they are written', async () => {
    const { stdout } = await fusor(['bench', '--help'], { cwd });
    expect(stdout.replace(/\s+/g, '')).toContain('[default:32x784x128,128x784x128,');
  });

  test('without a command it goes to stderr, as a mistake', async () => {
    const { status, stdout, stderr } = await fusor([], { cwd });
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: fusor');
  });
});

describe('a mistake in the words is exit 2 with one line', () => {
  test.each([
    [['trian'], "unknown command 'trian' · did you mean train?"],
    [['train', '--epoch', '3'], 'unknown option --epoch · fusor train · did you mean --epochs?'],
    [['train', '--learningRate', '1'], 'did you mean --learning-rate?'],
    [['predict', '--model'], 'the argument <model> is missing'],
    [['evaluate', '--model', 'gone', 'other'], "unexpected argument 'other'"],
    [['train', '--checkpoint', 'every:0'], '--checkpoint'],
    [['train', '--checkpoint', 'best,every:2.5'], 'every:Nsteps'],
    [['train', '--checkpoints', 'best'], 'did you mean --checkpoint?'],
    [['train', '--epochs'], '--epochs needs a value'],
    [['train', 'mnist'], "unexpected argument 'mnist'"],
    [['evaluate'], 'the argument <model> is missing'],
    [['train', '--epochs', '0'], 'an integer from 1 to 1000000, got "0" · --epochs'],
    [['train', '--epochs', '1.5'], 'an integer'],
    [
      ['data', 'fetch', 'mnist', '--mirror', 'ftp://x'],
      'a URL that begins with http:// or https://, got "ftp://x" · --mirror',
    ],
    [['train', '--epochs', 'ten'], 'an integer'],
    [['train', '--batch-size', '-1'], '--batch-size'],
    [['train', '--learning-rate', 'NaN'], 'a number greater than 0'],
    [['train', '--validation-split', '1'], 'a number from 0 to below 1'],
    [['train', '--optimizer', 'adma'], 'did you mean adam?'],
    [['train', '--layers', '128,x'], 'positive integers up to 16777216'],
    [['train', '--device', 'gpu'], '--device'],
    [['train', '--config', 'absent.json'], 'no such config file'],
    [['train', '--bogus'], 'unknown option --bogus · fusor train · see fusor train --help'],
    [['train', '--find-lr', '--schedule', 'cosine'], '--find-lr and --schedule are both given'],
    [['data', 'lost'], 'did you mean list?'],
    [['native', 'bild'], 'did you mean build?'],
  ])('%p', async (args, message) => {
    const { status, stdout, stderr } = await fusor(args, { cwd });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^error: .* \[ERR_ARG\]\n$/);
    expect([status, stdout]).toEqual([2, '']);
  });

  test('as JSON it is the one document on stdout', async () => {
    const ran = await fusor(['train', '--epoch', '3', '--json'], { cwd });
    expect(ran.status).toBe(2);
    expect(documentOf(ran)).toEqual({
      error: { code: 'ERR_ARG', message: expect.stringContaining('--epochs'), details: {} },
    });
  });
});

describe('where settings come from', () => {
  const config = join(cwd, 'fusor.json');
  beforeAll(() =>
    writeFileSync(config, JSON.stringify({ epochs: 3, 'batch-size': 16, seed: 5, layers: [64, 32] })),
  );
  const printed = async (args: string[], env?: Record<string, string>) =>
    documentOf(await fusor(['train', '--print-config', ...args], { cwd, env }));

  test('defaults are those of the README', async () => {
    expect(await printed([])).toEqual({
      json: false,
      quiet: false,
      categorical: [],
      data: 'mnist',
      ignore: [],
      missing: 'error',
      testSplit: 0.2,
      layers: [128],
      activation: 'relu',
      batchNormalization: false,
      log: ['jsonl', 'csv'],
      optimizer: 'adam',
      epochs: 10,
      fallback: 'auto',
      batchSize: 32,
      validationSplit: 0.2,
      backend: 'auto',
      device: 'auto',
      kernels: 'auto',
      precision: 'fp32',
      threads: 0,
      tfjsEngine: 'auto',
      checkpoint: 'every:30s',
      onSaveError: 'stop',
      stepLosses: false,
      findLr: false,
      offline: false,
      noProgress: false,
      dashboard: false,
    });
  });

  test('what a model says is said by nobody else', async () => {
    const { stdout } = await fusor(['evaluate', 'x', '--print-config'], { cwd });
    for (const key of ['data', 'missing']) expect(JSON.parse(stdout)).not.toHaveProperty(key);
  });

  test('flag > environment > file > default', async () => {
    const env = { FUSOR_EPOCHS: '4', FUSOR_BATCH_SIZE: '8' };
    const found = await printed(['--config', config, '--epochs', '5'], env);
    expect(found).toMatchObject({ epochs: 5, batchSize: 8, seed: 5, layers: [64, 32], validationSplit: 0.2 });
  });

  test('an engine names its backend, unless what counts more names the other', async () => {
    const WASM = ['--tfjs-engine', 'wasm'];
    const both = join(cwd, 'both.json');
    writeFileSync(both, '{"backend": "native", "tfjsEngine": "wasm"}');
    expect(await printed(WASM, { FUSOR_BACKEND: 'native' })).toMatchObject({
      backend: 'tfjs',
      tfjsEngine: 'wasm',
    });
    const native = { backend: 'native', tfjsEngine: 'auto' };
    expect(await printed(['--backend', 'native'], { FUSOR_TFJS_ENGINE: 'wasm' })).toMatchObject(native);
    expect(await printed(['--config', both])).toMatchObject(native);
    const { status, stderr } = await fusor(['train', '--backend', 'native', ...WASM], { cwd });
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('--backend native and --tfjs-engine wasm are both given'),
    ]);
  });

  test('what is printed is taken, of every command that has a default in another form', async () => {
    const printedBench = documentOf(await fusor(['bench', 'kernel', '--print-config'], { cwd }));
    const file = join(cwd, 'bench.json');
    writeFileSync(file, JSON.stringify(printedBench));
    expect(documentOf(await fusor(['bench', 'kernel', '--config', file, '--print-config'], { cwd }))).toEqual(
      printedBench,
    );
  });

  test('the file and switches can come from the environment', async () => {
    const env = { FUSOR_CONFIG: config, FUSOR_NO_PROGRESS: '1', FUSOR_DATASET: './x', FUSOR_DATA_DIR: '/d' };
    expect(await printed([], env)).toMatchObject({ epochs: 3, noProgress: true, data: './x', dataDir: '/d' });
  });

  test('the last of two flags counts; an empty list of layers is one', async () => {
    expect(await printed(['--epochs', '1', '--epochs', '2', '--layers='])).toMatchObject({
      epochs: 2,
      layers: [],
    });
  });

  test('a list that comes again adds to it; a column without a name may be one of it', async () => {
    expect(await printed(['--ignore', 'a,', '--ignore=b', '--layers', '8', '--layers', '4,2'])).toMatchObject(
      {
        ignore: ['a', '', 'b'],
        layers: [8, 4, 2],
      },
    );
  });

  test('mistakes name where they stand', async () => {
    const maybe = await fusor(['devices'], { cwd, env: { FUSOR_QUIET: 'maybe' } });
    expect(maybe.stderr).toBe(
      'error: the value must be true or false, got "maybe" · FUSOR_QUIET [ERR_ARG]\n',
    );
    const byEnvironment = await fusor(['train'], { cwd, env: { FUSOR_EPOCHS: 'x' } });
    expect([byEnvironment.status, byEnvironment.stderr]).toEqual([
      2,
      expect.stringContaining('FUSOR_EPOCHS'),
    ]);
    writeFileSync(join(cwd, 'bad.json'), '{"epoch": 3}');
    const byFile = await fusor(['train', '--config', 'bad.json'], { cwd });
    expect([byFile.status, byFile.stderr]).toEqual([
      2,
      expect.stringContaining('bad.json · did you mean epochs?'),
    ]);
    writeFileSync(join(cwd, 'value.json'), '{"epochs": "many"}');
    const byValue = await fusor(['train', '--config', 'value.json'], { cwd });
    expect([byValue.status, byValue.stderr]).toEqual([2, expect.stringContaining('epochs in value.json')]);
  });
});
