import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { layers, saveModel, sequential } from '../../src/index';
import { BACKENDS, documentOf, fusor } from '../support/cli';
import { repository, run as runProgram, temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

const cwd = temporaryFolder();
// Each command starts several processes; on a busy machine that takes a while.
jest.setTimeout(300_000);
const small = ['verify', '--limit', '400', '--layers', '16', '--seed', '7'];
const [, [, , noNative]] = BACKENDS;

test('the engines of tfjs give the same training: a table, and exit 0', async () => {
  const { status, stdout, stderr } = await fusor([...small, '--backends', 'tfjs:wasm,tfjs:cpu'], { cwd });
  expect(stdout).toMatch(/allowed +1e-5 +1e-5 +1e-2 +1e-6 +1e-5\n/);
  expect(stdout).toMatch(/\ntfjs:wasm .*reference.*✓\ntfjs:cpu .*e-\d.*✓\n/);
  expect(stdout).toContain('All 2 are the same training.');
  expect(stderr).toContain('training on tfjs:cpu');
  expect(status).toBe(0);
});

test('what fit refuses is said before anybody trains', async () => {
  const { status, stderr } = await fusor(['verify', '--limit', '1', '--backends', 'tfjs:wasm,tfjs:cpu'], {
    cwd,
  });
  expect([status, stderr]).toEqual([2, expect.stringContaining('--validation-split must be such that')]);
  expect(stderr).toContain('mnist · take more rows (--limit)');
  expect(stderr).not.toContain('training on');
});

test('a full disk: exit 6, and nobody is told apart', async () => {
  // Files may have 32 KiB; the weights have 50.
  const program = 'ulimit -f 32; exec "$0" "$@"';
  const words = [...small, '--steps', '1', '--backends', 'tfjs:wasm,tfjs:cpu', '--quiet'];
  const script = join(repository, 'scripts', 'fusor.mjs');
  const ran = await runProgram('bash', ['-c', program, process.execPath, script, ...words], { cwd });
  expect(ran.stderr).toMatch(/^error: cannot write \(EFBIG\) · .*weights-0\.f32 \[ERR_IO\]\n$/);
  expect([ran.status, ran.stdout]).toEqual([6, '']);
});

describeUnless(noNative)('native', () => {
  test('both kinds of kernels and wasm, as JSON', async () => {
    const flags = ['--backends', 'native:fused,native:framework,tfjs:wasm', '--steps', '20', '--json'];
    const ran = await fusor([...small, ...flags], { cwd });
    const document = documentOf(ran);
    expect(document).toMatchObject({ schema: 'fusor.verification', version: 1, ok: true, steps: 10 });
    expect(document.results.map(({ name }: { name: string }) => name)).toEqual([
      'native:fused',
      'native:framework',
      'tfjs:wasm',
    ]);
    for (const { differences, name } of document.results) {
      if (name === document.reference) continue;
      expect(differences.weights['1'].difference).toBeLessThanOrEqual(1e-6);
      expect(differences.losses['10'].difference).toBeLessThanOrEqual(1e-5);
    }
    expect(ran.status).toBe(0);
  });
});

/** A layer that is not trained, batch normalisation after a bias, and before an activation. */
async function normalized(): Promise<string> {
  const model = sequential([
    layers.rescaling(1 / 255, { inputShape: [28, 28, 1] }),
    layers.flatten(),
    layers.dense(12, { trainable: false }),
    layers.dense(12),
    layers.batchNormalization({ momentum: 0.9 }),
    layers.activation('relu'),
    layers.dense(8, { activation: 'tanh' }),
    layers.batchNormalization({ center: false }),
    layers.dense(10, { activation: 'softmax' }),
  ]);
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', backend: 'tfjs', tfjsEngine: 'cpu' });
  const folder = join(cwd, 'normalized');
  await saveModel(model, folder);
  return folder;
}
/** The net above instead of --layers. */
const ofNormalized = async () => [
  'verify',
  ...['--limit', '400', '--seed', '7', '--model', await normalized(), '--json'],
];

test('of a bias that a batch normalisation takes away again nothing is promised', async () => {
  const ways = noNative ? 'tfjs:wasm,tfjs:cpu' : 'native:fused,native:framework,tfjs:wasm';
  const ran = await fusor([...(await ofNormalized()), '--backends', ways], { cwd });
  expect(documentOf(ran)).toMatchObject({
    ok: true,
    notCompared: ['dense_1/bias', 'batch_normalization/movingMean'],
  });
});

describe('a planted fault is caught and named', () => {
  const planted = async (fault: string) => {
    const env = {
      NODE_OPTIONS: `--require ${JSON.stringify(join(repository, 'test/support/tamper.cjs'))}`,
      FUSOR_TEST_TAMPER: fault,
      FUSOR_TEST_TAMPER_WAY: 'tfjs:cpu',
    };
    const flags = ['--backends', 'tfjs:wasm,tfjs:cpu', '--steps', '10', '--json'];
    const ran = await fusor([...small, ...flags], { cwd, env });
    const document = documentOf(ran);
    expect(ran.status).toBe(1);
    expect(document.ok).toBe(false);
    return document.results.find(({ name }: { name: string }) => name === 'tfjs:cpu');
  };

  test.each([
    ['epsilon inside the root', 1, /^dense/, /its gradient agrees, too: its optimiser's formula is another/],
    ['shuffled order', 1, /^loss$/, /its batch holds other rows/],
    ['transposed kernel', 0, /^dense\/kernel$/, /initial weights are the transpose/],
    ['another rate from step 6', 6, /^dense/, /until step 5 it agreed/],
  ])('%s', async (fault, step, tensor, cause) => {
    const { parting } = await planted(fault);
    expect(parting).toMatchObject({
      step,
      tensor: expect.stringMatching(tensor),
      cause: expect.stringMatching(cause),
    });
    expect(parting.difference).toBeGreaterThan(parting.tolerance);
  });

  test('a process that crashes', async () => {
    expect(await planted('crash')).toMatchObject({
      ok: false,
      error: expect.stringContaining('SIGSEGV'),
    });
  });
});

test.each([
  [['--backends', 'tfjs:wsm'], 2, 'tfjs[:node-gpu|node|wasm|cpu]'],
  [['--backends', 'tfjs:wasm'], 5, 'nothing to compare with'],
  [['--backends', 'tfjs:node-gpu,tfjs:wasm'], 5, 'tfjsEngine node-gpu cannot be had'],
  [['--backends', 'tfjs:wasm,tfjs:cpu', '--reference', 'tfjs:cup'], 2, 'did you mean tfjs:cpu?'],
  [['--against', 'kers'], 2, 'did you mean keras?'],
  [['--against', 'keras', '--python', process.execPath], 5, 'no Python has numpy, keras'],
  [['--against', 'keras', '--python', './absent'], 5, `no Python: spawn ${cwd}/absent ENOENT`],
  [['--against', 'torch', '--optimizer', 'rmsprop'], 5, "PyTorch's RMSprop"],
])('%j is refused', async (flags, status, message) => {
  const ran = await fusor([...small, ...flags], { cwd });
  expect(ran.stderr).toContain(message);
  expect(ran.status).toBe(status);
});

/** Asked as the command asks. */
function hindrance(kind: string): string | null {
  const program = `import(${JSON.stringify(join(repository, 'scripts/witness/witness.mjs'))}).then((w) => w.witnessPython('${kind}'))`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  return status === 0 ? null : (/no Python has [\w, ]+/.exec(stderr)?.[0] ?? stderr);
}

describe.each(['keras', 'torch'])('%s as a witness', (kind) => {
  describeUnless(hindrance(kind))('where a Python has it', () => {
    test('Adam and cross-entropy', async () => {
      const flags = ['--backends', 'tfjs:wasm', '--against', kind];
      const ran = await fusor([...small, '--batch-size', '30', ...flags, '--json'], { cwd });
      expect(documentOf(ran)).toMatchObject({ ok: true, steps: 11 });
    });

    test('batch normalisation, and a layer that is not trained', async () => {
      const ran = await fusor([...(await ofNormalized()), '--backends', 'tfjs:wasm', '--against', kind], {
        cwd,
      });
      expect(documentOf(ran)).toMatchObject({ ok: true, steps: 10 });
    });
  });
});
