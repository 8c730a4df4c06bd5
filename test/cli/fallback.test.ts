import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listCheckpoints } from '../../src/runs/checkpoint-folder';
import { BACKENDS, documentOf, finished, fusor, startCli } from '../support/cli';
import { FailingRuns, SHORT } from '../support/fallback';
import { said } from '../support/kills';
import { temporaryFolder } from '../support/script';

const cwd = temporaryFolder();
// Each run is three processes, which take their time on a busy machine.
jest.setTimeout(180_000);
const [[, wasm], [, , noNative]] = BACKENDS;
const flags = noNative ? wasm : ['--backend', 'native'];
const runs = new FailingRuns(cwd, flags);
const often = ['--checkpoint', 'every:4steps'];

// test/unit loses the device at every step, test/long by the hundred.
test.each<[faults: string, interval: number, more: string[], env: object]>([
  ['device-lost@step:0,crash@step:14', 15, [], {}],
  ['kill@step:15,device-lost@step:29', 15, [], {}],
  ['oom@step:10,device-lost@step:10', 4, often, {}],
  ['crash@step:23,gone', 15, ['--checkpoint', 'none'], {}],
  ['hang@step:6', 4, often, { FUSOR_WATCHDOG: '4' }],
])('%s: the same weights and history', async (faults, interval, more, env) => {
  await runs.recovers(faults, interval, more, env);
});

test('--fallback cpu goes to the CPU at once; the run’s records say so, and what was asked for', async () => {
  const { stdout, stderr, runDir } = await runs.start('device-lost@step:20', [...often, '--fallback', 'cpu']);
  expect(stderr).toMatch(
    /^fusor: \S+.* failed: device lost at step 20 · going on with the CPU from step 20\n$/,
  );
  const { fallback, backend } = JSON.parse(stdout);
  expect(backend.device).toBe('cpu');
  expect(fallback).toEqual([
    {
      from: expect.stringContaining('cuda:0 (simulated)'),
      to: expect.not.stringContaining('cuda'),
      reason: 'device lost at step 20',
      step: 20,
    },
  ]);
  const record = (name: string) => JSON.parse(readFileSync(join(runDir, name), 'utf8'));
  expect([record('run.json').fallback, record('environment.json').fallback]).toEqual([fallback, fallback]);
  expect(record('config.json')).toMatchObject({ device: 'auto', fallback: 'cpu' });
});

test('--fallback never: exit 8, one line, and the run can be gone on with', async () => {
  const ran = await runs.start('oom@step:20', [...often, '--fallback', 'never']);
  const { status, stderr, runDir } = ran;
  expect(status).toBe(8);
  expect(stderr).toMatch(/^error: out of memory at step 20 · .*cuda:0 \(simulated\) · go on with: .*\n$/);
  expect(documentOf(ran)).toMatchObject({ error: { code: 'ERR_DEVICE_LOST', details: { runDir } } });
  const [newest] = await listCheckpoints(join(runDir, 'checkpoints'));
  expect(newest.step).toBe(20);
});

test('what is wrong with the task is told as without a supervisor', async () => {
  const ran = await fusor(['train', ...SHORT, ...flags, '--data', 'nowhere', '--device', 'cuda', '--json'], {
    cwd,
  });
  const alone = await fusor(['train', ...SHORT, ...flags, '--data', 'nowhere', '--device', 'cpu', '--json'], {
    cwd,
  });
  expect([ran.status, ran.stdout, ran.stderr]).toEqual([alone.status, alone.stdout, alone.stderr]);
  expect(ran.status).toBe(3);
});

test('SIGINT reaches the training once: it saves, and 130', async () => {
  const runDir = join(cwd, 'interrupted');
  const words = [...SHORT.slice(0, -2), ...flags, '--epochs', '100000', '--run-dir', runDir, '--json'];
  const child = startCli(['train', ...words], { cwd, env: { FUSOR_FAULT: 'none' } });
  const end = finished(child);
  await said(child, 'Epoch 2/');
  child.kill('SIGINT');
  const ran = await end;
  expect(ran.status).toBe(130);
  const { error } = documentOf(ran);
  expect(error).toMatchObject({ code: 'SIGINT', details: { runDir } });
  const [newest] = await listCheckpoints(join(runDir, 'checkpoints'));
  expect(newest.step).toBe(error.details.step);
});
