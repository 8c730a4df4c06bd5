import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentOf, fusor, WASM } from '../support/cli';
import { temporaryFolder } from '../support/script';

const cwd = temporaryFolder();
const small = ['train', '--limit', '300', '--seed', '7', '--batch-size', '30', ...WASM];

test('flags of callbacks: training ends early, with the best weights; events are written', async () => {
  const flags = ['--early-stopping', '1', '--schedule', 'piecewise:24:0.5', '--log', 'tensorboard'];
  const run = await fusor([...small, '--epochs', '9', ...flags, '--run-dir', 'run', '--json'], { cwd });
  const { history, earlyStopping } = documentOf(run);
  expect(earlyStopping).toEqual({ stoppedEpoch: 3, bestEpoch: 2 });
  const resumed = await fusor(['train', '--resume', 'run', '--quiet'], { cwd });
  const said = 'ended early, after epoch 4: the model is that of epoch 3, the best';
  expect(resumed.stdout).toContain(said);
  expect(readFileSync(join(cwd, 'run', 'report.html'), 'utf8')).toContain(`Training ${said}.`);
  // A rate of 0.5 from step 25 on, which is the fourth epoch's first, can only do harm.
  expect(history).toHaveLength(4);
  const losses = history.map(({ valLoss }: { valLoss: number }) => valLoss);
  expect(Math.min(...losses)).toBe(losses[2]);
  const { config } = JSON.parse(readFileSync(join(cwd, 'run', 'model', 'model.json'), 'utf8'));
  expect(config.compile.optimizer.learningRate).toBe(0.5);
  const tested = documentOf(
    await fusor(['evaluate', 'run', '--limit', '300', '--json', ...WASM], { cwd }),
  ).test;
  expect(tested.accuracy).toBeGreaterThan(0.5);
  for (const part of ['train', 'validation'])
    expect(readdirSync(join(cwd, 'run', 'tensorboard', part))).toHaveLength(1);
});

test('a logger whose server does not answer is I/O, and leaves no run', async () => {
  const { status, stderr } = await fusor([...small, '--run-dir', 'unlogged', '--log', 'mlflow'], {
    cwd,
    env: { MLFLOW_TRACKING_URI: 'http://127.0.0.1:1' },
  });
  expect([status, stderr]).toEqual([6, expect.stringContaining('MLflow: no answer')]);
  expect(existsSync(join(cwd, 'unlogged'))).toBe(false);
});

test.each([
  [['--schedule', 'cosin'], '--schedule'],
  [['--schedule', 'step:0'], 'schedules.step'],
  [['--schedule', 'cosine', '--reduce-on-plateau', '2'], 'leave one of them out'],
  [['--early-stopping', '-1'], '--early-stopping'],
  [['--early-stopping', '1', '--monitor', 'typo'], 'nothing is called typo'],
  [['--monitor', 'loss'], 'nothing looks at loss · --monitor · add --early-stopping N'],
  [['--log', 'mlflow'], 'uri'],
])('%j is refused', async (flags, named) => {
  const { status, stderr } = await fusor([...small, '--epochs', '1', '--run-dir', 'refused', ...flags], {
    cwd,
    env: { MLFLOW_TRACKING_URI: '' },
  });
  expect([status, stderr]).toEqual([2, expect.stringContaining(named)]);
  // The mended command may take the same folder.
  expect(existsSync(join(cwd, 'refused'))).toBe(false);
});
