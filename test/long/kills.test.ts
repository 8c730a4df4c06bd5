/** One run, killed 300 times. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadCheckpoint } from '../../src/runs/checkpoint-folder';
import { BACKENDS, fusor } from '../support/cli';
import { figure } from '../support/figures';
import { killAgainAndAgain, resultOf } from '../support/kills';
import { temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

const KILLS = 300;
const cwd = temporaryFolder();

describe.each(BACKENDS)('on %s', (name, flags, obstacle) => {
  describeUnless(obstacle)('a run', () => {
    test(`${KILLS} SIGKILLs: every time it goes on, and ends with the bits of a run that was left alone`, async () => {
      const runDir = join(cwd, name);
      const args = ['--limit', '500', '--layers', '16', '--seed', '7', '--batch-size', '20', ...flags];
      const often = ['--epochs', '1000000', '--checkpoint', 'every:7steps'];
      const { kills, torn, refused, steps } = await killAgainAndAgain(
        [...args, ...often],
        runDir,
        cwd,
        KILLS,
        Math.random,
      );
      // No kill takes back what was durable before it.
      expect(steps).toEqual([...steps].sort((a, b) => a - b));
      expect(kills.saving).toBeGreaterThanOrEqual(KILLS / 3 - 1);

      const { epoch } = await loadCheckpoint(runDir);
      const last = ['--epochs', String(epoch + 1), '--quiet'];
      expect((await fusor(['train', '--resume', runDir, ...last], { cwd })).status).toBe(0);
      const whole = join(cwd, `${name} whole`);
      expect((await fusor(['train', ...args, ...last, '--run-dir', whole], { cwd })).status).toBe(0);
      expect(resultOf(runDir)).toEqual(resultOf(whole));
      const left = readdirSync(join(runDir, 'checkpoints')).filter((file) => !/^step-\d+\.safe/.test(file));
      expect(left).toEqual([]);

      figure('SIGKILLs survived in one run', KILLS);
      figure('… of them in the middle of a save', torn);
      figure('… while training', kills.training);
      figure('… at any time', kills.any);
      figure('… starts refused on a busy machine, and repeated', refused);
      figure('steps that those runs trained', steps.at(-1));
    });
  });
});
