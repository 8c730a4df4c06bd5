/** Two hundred failures of a simulated GPU, two a run. */
import { BACKENDS } from '../support/cli';
import { FailingRuns, STEPS } from '../support/fallback';
import { temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

const RUNS = 50;
const KINDS = ['device-lost', 'crash', 'device-lost', 'kill', 'oom'];
const cwd = temporaryFolder();

describe.each(BACKENDS)('on %s', (_name, flags, obstacle) => {
  describeUnless(obstacle)('a GPU that fails', () => {
    const device = flags.indexOf('--device');
    const runs = new FailingRuns(cwd, device < 0 ? flags : flags.slice(0, device));
    test(`${RUNS} times, and once more each: every run ends on the CPU with the bits of one left alone`, async () => {
      for (let n = 0; n < RUNS; n++) {
        // Every step is the first one's and the second one's; the second may come before the first one's checkpoint.
        const [first, second] = [n % STEPS, Math.max(n % STEPS, (n * 7) % STEPS)];
        const kind = (i: number) => KINDS[(n + i) % KINDS.length];
        const [interval, when] = n % 2 ? [15, 'every:1'] : [4, 'every:4steps'];
        await runs.recovers(`${kind(0)}@step:${first},${kind(3)}@step:${second}`, interval, [
          '--checkpoint',
          when,
        ]);
      }
    });
  });
});
