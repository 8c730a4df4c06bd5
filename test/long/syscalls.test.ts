/** Every call of the system that saving makes fails, one after the other, in a program that knows nothing of it. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { listCheckpoints, loadCheckpoint } from '../../src/runs/checkpoint-folder';
import { BACKENDS, fusor } from '../support/cli';
import { figure } from '../support/figures';
import { resultOf } from '../support/kills';
import { temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';
import { noStrace, traced } from '../support/strace';

const cwd = temporaryFolder();
const [[, wasm], [, native, noNative]] = BACKENDS;
const flags = noNative ? wasm : native;
const small = [
  '--limit',
  '100',
  '--batch-size',
  '20',
  '--layers',
  '8',
  '--seed',
  '7',
  '--epochs',
  '2',
  ...flags,
];
const save = ['--checkpoint', 'every:3steps', '--quiet'];

/** What a run writes: a checkpoint in the middle, and all the rest. */
function pathsOf(runDir: string): string[] {
  const temps = ['config.json', 'environment.json', 'run.json'].map((name) => `${runDir}/.${name}.PID.tmp`);
  const checkpoints = join(runDir, 'checkpoints');
  const name = 'step-000000006.safetensors';
  return [
    ...[runDir, ...temps, `${runDir}/config.json`, `${runDir}/metrics.jsonl`, `${runDir}/history.csv`],
    ...[checkpoints, `${checkpoints}/.${name}.PID.tmp`, join(checkpoints, name)],
    ...[`${runDir}/lock`, `${checkpoints}/lock`],
    ...[
      `${runDir}/model`,
      `${runDir}/model/.weights.safetensors.PID.tmp`,
      `${runDir}/model/.model.json.PID.tmp`,
    ],
  ];
}

describeUnless(noStrace)('strace', () => {
  const whole = join(cwd, 'whole');
  beforeAll(async () => {
    expect((await fusor(['train', ...small, ...save, '--run-dir', whole], { cwd })).status).toBe(0);
  });

  test('a checkpoint is written, flushed, closed, named, and its name flushed; only then old ones go', async () => {
    const runDir = join(cwd, 'order');
    const { status, trace } = await traced(
      ['train', ...small, ...save, '--run-dir', runDir],
      pathsOf(runDir),
      cwd,
    );
    expect(status).toBe(0);
    const begin = trace.findIndex((line) => line.startsWith('openat') && line.includes('step-000000006'));
    const order = trace.slice(begin).map((line) => /^\w+/.exec(line)![0]);
    const end = order.indexOf('getdents64');
    const saving = order.slice(0, end).filter((call, i, all) => call !== all[i - 1]);
    expect(saving).toEqual([
      ...['openat', 'write', 'fsync', 'close', 'rename'],
      ...['openat', 'fsync', 'close', 'openat'],
      ...(order.slice(0, end).includes('newfstatat') ? ['newfstatat'] : ['fstat']),
    ]);
  });

  const faults = [
    ['write', 'ENOSPC'],
    ['write', 'EDQUOT'],
    ['fsync', 'EIO'],
    ['rename', 'ENOSPC'],
    ['openat', 'EMFILE'],
    ['openat', 'EROFS'],
    ['close', 'EIO'],
    ['unlink', 'EACCES'],
    ['mkdir', 'EACCES'],
    ['link', 'ENOSPC'],
  ];
  test.each(faults)(
    '%s fails with %s, at the first call, the second, …: nothing is lost',
    async (call, error) => {
      for (let n = 1; ; n++) {
        const runDir = join(cwd, `${call} ${error} ${n}`.replaceAll(' ', '-'));
        mkdirSync(runDir);
        const words = ['train', ...small, ...save, '--run-dir', runDir];
        const { status, stderr, injected } = await traced(words, pathsOf(runDir), cwd, { call, error, n });
        if (!injected) {
          expect([status, stderr]).toEqual([0, '']);
          expect(n).toBeGreaterThan(1);
          figure('calls of the system that failed while saving', n - 1);
          return;
        }
        if (status !== 0) {
          expect([n, status, stderr]).toEqual([n, 6, expect.stringMatching(/^error: .* \[ERR_IO\]\n$/)]);
          expect(stderr).toContain(error);
        }
        const checkpoints = await listCheckpoints(join(runDir, 'checkpoints'));
        for (const { file } of checkpoints) await loadCheckpoint(file);
        const started = existsSync(join(runDir, 'config.json'));
        if (!started) for (const name of readdirSync(runDir)) expect(name).toMatch(/^lock$|^\./);
        const again = started ? ['--resume', runDir] : [...small, ...save, '--run-dir', runDir];
        const ran = await fusor(['train', ...again, '--quiet'], { cwd });
        expect([n, ran.status, ran.stderr]).toEqual([n, 0, '']);
        expect(resultOf(runDir)).toEqual(resultOf(whole));
        rmSync(runDir, { recursive: true });
      }
    },
  );
});
