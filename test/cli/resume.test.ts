import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUint32 } from '../../src/random';
import { listCheckpoints, loadCheckpoint } from '../../src/runs/checkpoint-folder';
import { BACKENDS, documentOf, finished, fusor, startCli, TENSORFLOW, WASM } from '../support/cli';
import { figure } from '../support/figures';
import { killAgainAndAgain, resultOf, said, saving } from '../support/kills';
import { repository, run as runProgram, temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

const cwd = temporaryFolder();
const small = ['--limit', '500', '--layers', '16', '--seed', '7', '--batch-size', '20'];
/** One of each kind of moment; test/long has hundreds. */
const KILLS = 3;
// A test starts many processes, each of which takes its time on a busy machine.
jest.setTimeout(180_000);
const checkpoints = (runDir: string) => join(runDir, 'checkpoints');

/** Uniform numbers in [0, 1), the same each time. */
function randomNumbers(seed: number): () => number {
  let n = 0;
  return () => randomUint32(1, seed, 9, 0, n++)[0] / 2 ** 32;
}

/** The same training in a piece. */
async function uninterrupted(flags: string[], epochs: number): Promise<ReturnType<typeof resultOf>> {
  const runDir = join(cwd, `whole ${flags[1]} ${epochs}`);
  if (existsSync(runDir)) return resultOf(runDir);
  const words = ['train', ...small, ...flags, '--epochs', String(epochs), '--run-dir', runDir, '--quiet'];
  expect((await fusor(words, { cwd })).status).toBe(0);
  return resultOf(runDir);
}

/** Lets a run go on to the epoch after the one that it has reached. */
async function finish(runDir: string): Promise<number> {
  const { epoch } = await loadCheckpoint(runDir);
  const { status, stderr } = await fusor(
    ['train', '--resume', runDir, '--epochs', String(epoch + 1), '--quiet'],
    {
      cwd,
    },
  );
  expect([status, stderr]).toEqual([0, '']);
  return epoch + 1;
}

describe.each(BACKENDS)('on %s', (name, flags, obstacle) => {
  describeUnless(obstacle)('a run that was ended', () => {
    test('by SIGKILL, again and again: it goes on, and ends as though it had not been', async () => {
      const runDir = join(cwd, `killed ${name}`);
      const args = [...small, ...flags, '--epochs', '100000', '--checkpoint', 'every:7steps'];
      const { kills, steps } = await killAgainAndAgain(
        args,
        runDir,
        cwd,
        KILLS,
        randomNumbers(flags[1].length),
      );
      expect(Math.max(...steps)).toBeGreaterThan(0);
      const epochs = await finish(runDir);
      expect(resultOf(runDir)).toEqual(await uninterrupted(flags, epochs));
      expect(readdirSync(runDir).filter((file) => file.includes('tmp') || file === 'lock')).toEqual([]);
      expect(readdirSync(checkpoints(runDir)).filter((file) => !file.startsWith('step-'))).toEqual([]);
      figure(
        'SIGKILLs survived',
        Object.values(kills).reduce((a, b) => a + b),
      );
    });

    test.each([
      ['while it trains', 'SIGINT', 130],
      ['while it saves', 'SIGINT', 130],
    ] as const)('%s by %s: a checkpoint of the last step, and how to go on', async (when, signal, status) => {
      const runDir = join(cwd, `${signal} ${when} ${name}`);
      const save = when === 'while it saves' ? 'every:7steps' : 'none';
      const words = [...small, ...flags, '--epochs', '100000', '--checkpoint', save, '--run-dir', runDir];
      const child = startCli(['train', ...words], { cwd });
      const end = finished(child);
      await said(child, 'Epoch 2/');
      if (when === 'while it saves') await saving(child, checkpoints(runDir));
      child.kill(signal);
      const ran = await end;
      expect(ran.status).toBe(status);
      expect(ran.stderr).toMatch(
        /interrupted by .* step \d+: the model is kept in .*go on with: npx fusor train --resume '?SIG/,
      );
      const step = Number(/step (\d+): the model/.exec(ran.stderr)![1]);
      const [newest] = await listCheckpoints(checkpoints(runDir));
      expect(newest.step).toBe(step);
      const epochs = await finish(runDir);
      expect(resultOf(runDir)).toEqual(await uninterrupted(flags, epochs));
    });

    test('by SIGINT twice, the second while it saves: at once, and the last good checkpoint stays', async () => {
      const runDir = join(cwd, `twice ${name}`);
      const words = [
        ...small,
        ...flags,
        '--epochs',
        '100000',
        '--checkpoint',
        'every:3steps',
        '--run-dir',
        runDir,
      ];
      const child = startCli(['train', ...words], { cwd });
      const end = finished(child);
      await said(child, 'Epoch 2/');
      await saving(child, checkpoints(runDir));
      child.kill('SIGINT');
      child.kill('SIGINT');
      setTimeout(() => child.kill('SIGINT'), 3);
      expect((await end).status).toBe(130);
      for (const { file } of await listCheckpoints(checkpoints(runDir))) await loadCheckpoint(file);
      const epochs = await finish(runDir);
      expect(resultOf(runDir)).toEqual(await uninterrupted(flags, epochs));
    });
  });
});

test('a run goes on with more epochs, its records with it', async () => {
  const runDir = join(cwd, 'more');
  const words = ['train', ...small, ...WASM, '--epochs', '2', '--step-losses', '--json', '--quiet'];
  const first = documentOf(await fusor([...words, '--run-dir', runDir], { cwd }));
  const again = ['train', '--resume', runDir, '--epochs', '4', '--json', '--quiet'];
  const second = documentOf(await fusor(again, { cwd }));
  const whole = documentOf(await fusor([...words, '--epochs', '4', '--run-dir', join(cwd, 'four')], { cwd }));
  const untimed = (history: object[]) => history.map((epoch) => ({ ...epoch, seconds: 0, memoryBytes: 0 }));
  expect(untimed(second.history)).toEqual(untimed(whole.history));
  expect(second.history.slice(0, 2)).toEqual(first.history);
  expect(second).toMatchObject({ runDir, seed: 7, stepLosses: whole.stepLosses, test: whole.test });
  expect(second.timing.steps).toBe(whole.timing.steps);
  const csv = (folder: string) => readFileSync(join(folder, 'history.csv'), 'utf8');
  expect(csv(runDir)).toBe(csv(join(cwd, 'four')));
  expect(readFileSync(join(runDir, 'steps.jsonl'))).toEqual(readFileSync(join(cwd, 'four', 'steps.jsonl')));
  // With nothing left to do it tests what there is.
  const third = documentOf(await fusor(['train', '--resume', runDir, '--json', '--quiet'], { cwd }));
  expect(third).toMatchObject({ test: second.test, history: second.history });
  const { stderr } = await fusor(['train', '--resume', runDir], { cwd });
  expect(stderr).toContain(
    'Nothing is left to train: all 4 epochs are done; to go on say more, e.g. --epochs 8',
  );
});

test('data of the user’s own may have moved, not changed', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => `${i % 7},${i % 5},${(i % 7) + 0.5}`);
  const at = (name: string, content: string[]) => {
    mkdirSync(join(cwd, name));
    writeFileSync(join(cwd, name, 'rows.csv'), content.join('\n'));
    return ['--data', join(name, 'rows.csv')];
  };
  const words = ['train', '--label', '2', '--quiet', '--seed', '7', ...WASM];
  const flags = at('before', rows);
  expect((await fusor([...words, ...flags, '--epochs', '1', '--run-dir', 'moved'], { cwd })).status).toBe(0);
  renameSync(join(cwd, 'before'), join(cwd, 'after'));
  const resume = ['train', '--resume', 'moved', '--quiet', '--json', '--data'];
  const there = documentOf(await fusor([...resume, join('after', 'rows.csv'), '--epochs', '2'], { cwd }));
  expect(there.history).toHaveLength(2);
  const [, file] = at('other', rows.with(9, '6,6,6.5'));
  const { status, stderr } = await fusor([...resume, file, '--epochs', '3'], { cwd });
  expect([status, stderr]).toEqual([4, expect.stringContaining('ERR_CKPT_MISMATCH')]);
});

describe('from one backend to another', () => {
  const [, [, native, noNative]] = BACKENDS;
  const [, node, noNode] = TENSORFLOW;
  const fused = [...native, '--kernels', 'fused'];
  const framework = [...native, '--kernels', 'framework'];
  const anyKernels = ['--kernels', 'auto'];
  describe.each([
    ['native fused', 'native framework', fused, framework, noNative],
    ['native framework', 'tfjs wasm', framework, [...WASM, ...anyKernels], noNative],
    ['tfjs wasm', 'native fused', WASM, fused, noNative],
    ['native fused', 'tfjs node', fused, [...node, ...anyKernels], noNative ?? noNode],
    ['tfjs node', 'native framework', node, framework, noNative ?? noNode],
  ])('%s to %s', (from, to, before, after, obstacle) => {
    describeUnless(obstacle)('after three epochs, from the same file', () => {
      test('the history goes on within the contract', async () => {
        const runDir = join(cwd, `${from} to ${to}`);
        const words = ['train', ...small, ...before, '--epochs', '4', '--checkpoint', 'every:1'];
        const whole = documentOf(
          await fusor([...words, '--run-dir', `${runDir} whole`, '--json', '--quiet'], { cwd }),
        );
        cpSync(`${runDir} whole`, runDir, { recursive: true });
        const file = join(checkpoints(runDir), 'step-000000060.safetensors');
        expect((await loadCheckpoint(file)).epoch).toBe(3);
        const resumed = documentOf(
          await fusor(['train', '--resume', file, ...after, '--json', '--quiet'], { cwd }),
        );
        const { name, engine, kernels } = resumed.backend;
        expect(`${name} ${engine} ${kernels}`).toContain(to.split(' ')[1]);
        expect(resumed.history).toHaveLength(4);
        expect(resumed.history.slice(0, 3)).toEqual(whole.history.slice(0, 3));
        for (const key of ['loss', 'valLoss'])
          expect(Math.abs(resumed.history[3][key] / whole.history[3][key] - 1)).toBeLessThan(1e-4);
        expect(resumed.test.accuracy).toBeCloseTo(whole.test.accuracy, 2);
      });
    });
  });
});

describe('what cannot go on is one line', () => {
  const runDir = join(cwd, 'plain');
  beforeAll(async () => {
    const words = ['train', ...small, ...WASM, '--epochs', '1', '--quiet', '--run-dir', runDir];
    expect((await fusor(words, { cwd })).status).toBe(0);
  });
  const refused = async (words: string[], status: number, message: RegExp) => {
    const ran = await fusor(['train', '--quiet', ...words], { cwd });
    expect(ran.stderr).toMatch(/^error: [^\n]* \[ERR_\w+\]\n$/);
    expect(ran.stderr).toMatch(message);
    expect([ran.status, ran.stdout]).toEqual([status, '']);
  };

  test.each<[words: string[], status: number, message: RegExp]>([
    [['--resume', 'nowhere'], 4, /no run folder · nowhere/],
    [['--resume', 'plain', '--batch-size', '8'], 2, /batchSize 20, not 8 · --batch-size/],
    [['--resume', 'plain', '--layers', '8,8'], 2, /layers \[16\], not \[8,8\] · --layers/],
    [['--resume', 'plain', '--seed', '8'], 2, /seed 7, not 8/],
    [['--resume', 'plain', '--learning-rate', '0.1'], 2, /learningRate by default, not 0\.1/],
    [['--resume', 'plain', '--run-dir', 'x'], 2, /--run-dir and --resume are both given/],
    [['--run-dir', 'plain'], 2, /not empty.*--resume/],
  ])('%p', refused);

  test('a damaged checkpoint, named: the one before is offered', async () => {
    const damaged = join(cwd, 'damaged');
    cpSync(runDir, damaged, { recursive: true });
    const [{ file }] = await listCheckpoints(checkpoints(damaged));
    const bytes = readFileSync(file);
    writeFileSync(join(checkpoints(damaged), 'step-000000001.safetensors'), bytes);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(file, bytes);
    await refused(['--resume', file], 4, /checksum is wrong.*the one before is .*step-000000001/);
  });

  test('a second process in the folder of a run', async () => {
    const busy = join(cwd, 'busy');
    const words = [
      'train',
      ...small,
      ...WASM,
      '--epochs',
      '100000',
      '--run-dir',
      busy,
      '--checkpoint',
      'every:1',
    ];
    const child = startCli(words, { cwd });
    const end = finished(child);
    await said(child, 'Epoch 2/');
    await refused(
      ['--resume', busy],
      2,
      new RegExp(`process ${child.pid} is training here · ${busy} · wait`),
    );
    await refused(['--run-dir', busy], 2, new RegExp(`process ${child.pid} is training here`));
    child.kill('SIGINT');
    expect((await end).status).toBe(130);
    await finish(busy);
  });

  test('a full disk: exit 6, the last checkpoint named and whole', async () => {
    const full = join(cwd, 'full');
    // Files may have 64 KiB: small checkpoints fit, until their history has grown.
    const words = ['train', '--limit', '60', '--layers', '4', '--batch-size', '1', '--epochs', '100000'];
    const program = 'ulimit -f 64; exec "$0" "$@"';
    const script = join(repository, 'scripts', 'fusor.mjs');
    const { status, stderr } = await runProgram(
      'bash',
      [
        '-c',
        program,
        process.execPath,
        script,
        ...words,
        '--run-dir',
        full,
        '--checkpoint',
        'every:1',
        '--quiet',
        ...WASM,
      ],
      { cwd },
    );
    expect(status).toBe(6);
    expect(stderr).toMatch(/^error: cannot write \(EFBIG\).*the last one is (.*\.safetensors) \[ERR_IO\]\n$/);
    const [newest] = await listCheckpoints(checkpoints(full));
    expect(stderr).toContain(newest.file);
    await loadCheckpoint(newest.file);
  });
});
