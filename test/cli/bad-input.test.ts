import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { documentOf, fusor, WASM } from '../support/cli';
import { FILES, idxBytes, idxPair, writeIdxFolder } from '../support/idx';
import { run as runProgram, temporaryFolder } from '../support/script';
import { testUnless } from '../support/skip';

const cwd = temporaryFolder();
let count = 0;
const fresh = (name = 'item') => join(cwd, `${name}-${count++}`);

/** A train command that must fail: its status, its one line, and nothing written. */
async function refused(args: string[]) {
  const runDir = fresh('run');
  const { status, stdout, stderr } = await fusor(
    ['train', ...WASM, '--quiet', '--run-dir', runDir, ...args],
    { cwd },
  );
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^error: [^\n]+ \[ERR_[A-Z_]+\]\n$/);
  expect(existsSync(runDir)).toBe(false);
  return { status, stderr };
}

describe('data: exit 3', () => {
  const { images, labels } = idxPair(30);
  test.each([
    ['truncated images', { trainImages: images.subarray(0, 400) }, 'ERR_DATA_TRUNCATED', FILES.trainImages],
    ['no bytes', { testLabels: Buffer.alloc(0) }, 'ERR_DATA_TRUNCATED', 'needs 8 bytes, got 0'],
    ['images and labels swapped', { trainImages: labels, trainLabels: images }, 'ERR_DATA_MAGIC', 'swapped'],
    ['a web page', { trainImages: Buffer.from('<html>404</html>') }, 'ERR_DATA_FORMAT', 'web page'],
    [
      'counts that differ',
      { trainLabels: idxPair(29).labels },
      'ERR_DATA_MISMATCH',
      '30 images but 29 labels',
    ],
    [
      'a label out of range',
      {
        trainLabels: idxBytes(
          [30],
          new Uint8Array(30).map((_, i) => (i === 9 ? 77 : i % 3)),
        ),
      },
      'ERR_LABEL_RANGE',
      'index 9',
    ],
    ['floats', { trainImages: idxBytes([1, 2, 2], new Uint8Array(16), 0x0d) }, 'ERR_DATA_DTYPE', 'float32'],
    ['no rows', { trainImages: idxBytes([0, 4, 4], new Uint8Array()) }, 'ERR_DATA_EMPTY', '[0,4,4]'],
  ])('%s', async (_, files, code, message) => {
    const { status, stderr } = await refused(['--data', writeIdxFolder(fresh('data'), files)]);
    expect(stderr).toContain(`[${code}]`);
    expect(stderr).toContain(message);
    expect(status).toBe(3);
  });

  test('a folder without data, and MNIST that is not MNIST', async () => {
    const empty = fresh();
    mkdirSync(empty);
    expect(await refused(['--data', empty])).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/MISSING/),
    });
    const other = writeIdxFolder(fresh());
    expect(await refused(['--data-dir', other])).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/DIGEST/),
    });
  });

  test('a file that is not there', async () => {
    expect(await refused(['--data', 'nope.csv', '--label', 'y'])).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('nope.csv · check the path [ERR_DATA_MISSING]'),
    });
  });

  test('an unknown data set is a mistake in the words', async () => {
    expect(await refused(['--data', 'mnits'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean mnist?'),
    });
  });
});

test('all pixels equal, all labels of one class: it trains, with a warning', async () => {
  const replaced = {
    trainImages: idxBytes([30, 4, 4], new Uint8Array(480).fill(9)),
    trainLabels: idxBytes([30], new Uint8Array(30)),
    testLabels: idxBytes([12], new Uint8Array(12)),
  };
  const data = writeIdxFolder(fresh('flat'), replaced);
  const flags = ['--data', data, '--epochs', '1', '--json', ...WASM];
  const ran = await fusor(['train', ...flags], { cwd });
  expect(documentOf(ran).history[0].loss).toBeGreaterThan(0);
  expect(ran.stderr).toContain('warning: every pixel is 9');
  expect(ran.stderr).toContain('warning: every label is 0');
});

describe('model files: exit 4', () => {
  const trained = join(cwd, 'trained');
  beforeAll(async () => {
    const flags = [
      '--limit',
      '50',
      '--epochs',
      '1',
      '--layers',
      '4',
      '--run-dir',
      trained,
      '--quiet',
      ...WASM,
    ];
    expect((await fusor(['train', ...flags], { cwd })).status).toBe(0);
  });

  const damaged = (change: (folder: string) => void) => {
    const folder = fresh('model');
    cpSync(join(trained, 'model'), folder, { recursive: true });
    change(folder);
    return folder;
  };
  const edit = (folder: string, name: string, change: (bytes: Buffer) => Buffer | string) => {
    const file = join(folder, name);
    writeFileSync(file, change(readFileSync(file)));
  };

  test.each<[string, (folder: string) => void, string]>([
    [
      'cut weights',
      (to) => edit(to, 'weights.safetensors', (b) => b.subarray(0, b.length - 4)),
      'ERR_FILE_HEADER',
    ],
    [
      'a flipped bit',
      (to) =>
        edit(to, 'weights.safetensors', (b) => {
          b[b.length - 100] ^= 1;
          return b;
        }),
      'ERR_FILE_FORMAT',
    ],
    ['no JSON', (to) => edit(to, 'model.json', () => '{'), 'ERR_FILE_FORMAT'],
    [
      'an edited model',
      (to) => edit(to, 'model.json', (b) => b.toString().replace('"units": 4', '"units": 5')),
      'ERR_FILE_FORMAT',
    ],
  ])('%s', async (_, change, code) => {
    const { status, stdout, stderr } = await fusor(['evaluate', damaged(change), ...WASM], { cwd });
    expect([status, stdout]).toEqual([4, '']);
    expect(stderr).toMatch(new RegExp(`^error: [^\\n]+ \\[${code}\\]\\n$`));
  });

  test('no such model; a layer that runs code; a pickle', async () => {
    const absent = await fusor(['evaluate', 'nowhere'], { cwd });
    expect([absent.status, absent.stderr]).toEqual([4, expect.stringContaining('no such model file')]);
    writeFileSync(join(cwd, 'rows.csv'), 'a,b\n1,2\n');
    const data = await fusor(['evaluate', 'rows.csv'], { cwd });
    expect([data.status, data.stderr]).toEqual([4, expect.stringMatching(/rows\.csv · name a run, /)]);
    const config = {
      className: 'Sequential',
      name: 'm',
      layers: [{ className: 'Lambda', config: { function: 'x' } }],
    };
    writeFileSync(join(cwd, 'lambda.json'), JSON.stringify(config));
    const unknown = await refused(['--model', 'lambda.json']);
    expect(unknown).toMatchObject({ status: 4, stderr: expect.stringContaining('ERR_LAYER_UNKNOWN') });
    writeFileSync(join(cwd, 'model.pt'), '\x80\x04');
    expect(await refused(['--model', 'model.pt'])).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('can run code'),
    });
  });

  test('a model for other images is refused before anything is written', async () => {
    const { status, stderr } = await refused([
      '--model',
      join(trained, 'model'),
      '--data',
      writeIdxFolder(fresh()),
    ]);
    expect(stderr).toContain('the model takes rows of [28,28,1], not the [');
    expect(stderr).toContain('it was trained on mnist: name data of that form');
    expect(status).toBe(2);
  });
});

describe('backends: exit 5', () => {
  test.each([
    [['--backend', 'native', '--device', 'cuda:7']],
    [['--backend', 'tfjs', '--tfjs-engine', 'node-gpu', '--device', 'cuda:7']],
  ])('%p is never had silently from elsewhere', async (flags) => {
    const runDir = fresh('run');
    const ran = await fusor(['train', ...flags, '--json', '--quiet', '--run-dir', runDir], { cwd });
    expect(ran.status).toBe(5);
    expect(documentOf(ran).error.code).toBe('ERR_BACKEND_UNAVAILABLE');
    expect(existsSync(runDir)).toBe(false);
  });
});

describe('reading: exit 6', () => {
  const pipe = join(cwd, 'pipe');
  const huge = join(cwd, 'huge.json');
  beforeAll(() => {
    execFileSync('mkfifo', [pipe]);
    writeFileSync(huge, '{');
    truncateSync(huge, 40e9);
  });
  test.each([
    ['settings from a named pipe', ['train', '--config', pipe]],
    ['settings from a device without an end', ['train', '--config', '/dev/zero']],
    ['a profile from a named pipe', ['profile', '--baseline', pipe]],
    ['settings of 40 GB', ['train', '--config', huge]],
  ])('%s: refused at once, for nothing could end the wait', async (_, args) => {
    const { status, stderr } = await fusor(args, { cwd });
    expect(stderr).toMatch(
      /^error: cannot read .*\((not a regular file|larger than 256 MiB)\) · .* · name (a|another) file \[ERR_IO\]\n$/,
    );
    expect(status).toBe(6);
  });
});

describe('writing: exit 6', () => {
  test('a run folder inside a file', async () => {
    const file = fresh('file');
    writeFileSync(file, '');
    expect(await refused(['--run-dir', join(file, 'run')])).toMatchObject({
      status: 6,
      stderr: expect.stringContaining('ENOTDIR'),
    });
  });

  testUnless(process.getuid?.() === 0 && 'root may write everywhere')('a read-only folder', async () => {
    const folder = fresh('readonly');
    mkdirSync(folder);
    chmodSync(folder, 0o500);
    expect(await refused(['--run-dir', join(folder, 'run')])).toMatchObject({
      status: 6,
      stderr: expect.stringContaining('EACCES'),
    });
  });

  test('a full disk while the model is saved: no half file, the epochs stay', async () => {
    const runDir = fresh('full');
    const words = ['train', '--limit', '50', '--epochs', '1', '--quiet', '--checkpoint', 'none', ...WASM];
    // Files may have 64 KiB; the weights have 400.
    const program = 'ulimit -f 64; exec "$0" "$@"';
    const script = join(__dirname, '..', '..', 'scripts', 'fusor.mjs');
    const { status, stderr } = await runProgram(
      'bash',
      ['-c', program, process.execPath, script, ...words, '--run-dir', runDir],
      {
        cwd,
      },
    );
    expect(stderr).toMatch(/^error: cannot write \(EFBIG\) · .*weights\.safetensors.* \[ERR_IO\]\n$/);
    expect(status).toBe(6);
    expect(readdirSync(join(runDir, 'model'))).toEqual([]);
    expect(readFileSync(join(runDir, 'metrics.jsonl'), 'utf8')).toMatch(/^\{.*\}\n$/);
  });

  test('a run folder with something in it is a mistake in the words', async () => {
    const folder = writeIdxFolder(fresh());
    const { status, stderr } = await fusor(['train', '--run-dir', folder, '--limit', '50', ...WASM], { cwd });
    expect([status, stderr]).toEqual([2, expect.stringContaining('not empty')]);
    expect(readdirSync(folder)).toHaveLength(4);
  });
});

test('a loss that is not finite: exit 7, and no model is kept', async () => {
  const runDir = fresh('nan');
  const flags = ['--learning-rate', '1e30', '--limit', '500', '--run-dir', runDir, '--quiet', ...WASM];
  const { status, stderr } = await fusor(['train', ...flags], { cwd });
  expect([status, stderr]).toEqual([
    7,
    expect.stringMatching(/^error: .*learning rate.* \[ERR_NONFINITE_LOSS\]\n$/),
  ]);
  expect(existsSync(join(runDir, 'model'))).toBe(false);
});

test.each([
  [['data', 'fetch', 'mnist', '--data-dir', '/proc/none'], 6, /^error: .*\/proc\/none.* \[ERR_IO\]\n$/],
  [['data', 'fetch', 'mnist', '--data-dir', __filename], 6, /^error: .*ENOTDIR.* \[ERR_IO\]\n$/],
  [['bench', 'kernel', '--threads', '1,2000', '--shapes', '1x1x1'], 2, /--threads/],
])('what the system refuses, or nobody has, is no fault of ours: %j', async (args, status, message) => {
  const ran = await fusor([...args, '--quiet'], { cwd });
  expect([ran.status, ran.stderr]).toEqual([status, expect.stringMatching(message)]);
});
