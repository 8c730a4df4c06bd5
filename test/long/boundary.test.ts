/** The edge between JavaScript and C++, at length and under sanitizers; each sanitizer has to find its planted bug. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENDS, endsOtherwise } from '../native/ends';
import { obstacle, program, resultOf } from '../native/program';
import { engineTest, ownLeaks, sanitizedAddon, underAddressSanitizer } from '../native/sanitized';
import { figure } from '../support/figures';
import { run, temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

describeUnless(obstacle)('the addon under ASan and UBSan', () => {
  const scratch = temporaryFolder();
  let addon: string;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    addon = await sanitizedAddon();
    env = await underAddressSanitizer();
  });

  const first = Date.now() % 1_000_000;
  test.each([0, 1, 2, 3, 4])('fuzz, part %d', async (part) => {
    const calls = 20_000;
    const last = join(scratch, `last-${part}`);
    const ended = await program('fuzz', [first + part, calls, last], { addon, env, seconds: 1800 });
    if (ended.status !== 0)
      throw new Error(
        `${readFileSync(last, 'utf8').trim()}\n${ended.status}\n${ended.stdout}\n${ended.stderr}`,
      );
    expect(resultOf(ended).wrong).toEqual([]);
    figure('calls of the addon fuzzed under ASan and UBSan', calls);
  });

  test('exceptions of every kind', async () => {
    expect(
      Object.keys(resultOf(await program('faults', [], { addon, env, node: ['--expose-gc'] }))),
    ).toHaveLength(6);
  });

  test.each(['overflow', 'undefined'])('a planted bug is found: %s', async (bug) => {
    const { status, stderr } = await program('faults', ['once', bug], { addon, env });
    expect(status).not.toBe(0);
    expect(stderr).toMatch(bug === 'overflow' ? 'heap-buffer-overflow' : 'signed integer overflow');
    figure('planted bugs found by sanitizers');
  });

  test('LeakSanitizer: nothing of ours leaks; what is planted is found', async () => {
    const leaks = { ...(await underAddressSanitizer(true)) };
    for (const [kind, count] of [
      ['nothing', 0],
      ['leak', 1],
    ] as const) {
      const ended = await program('faults', ['once', kind], { addon, env: leaks, seconds: 600 });
      // It looked, and could.
      expect(ended.stderr).not.toContain('LeakSanitizer has encountered a fatal error');
      expect({ kind, leaks: ownLeaks(ended).length }).toEqual({ kind, leaks: count });
    }
    figure('planted bugs found by sanitizers');
  });
});

describeUnless(obstacle)('a team of threads', () => {
  // One in some million was forgotten where a barrier woke its sleepers before they could see why.
  test('nobody sleeps through a barrier', async () => {
    const barriers = 3_000_000;
    const { status, stdout } = await run(await engineTest(''), ['--meet', String(barriers)]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '1 passed, 0 failed, 0 skipped\n' });
    figure('barriers passed', barriers);
  });
});

describeUnless(obstacle)('the addon', () => {
  test.each(ENDS)('processes end while training, 200 times: %s', async (...end) => {
    expect(await endsOtherwise(end, 200)).toEqual([]);
  });

  test('worker threads: 100 and more terminated at random; memory comes back', async () => {
    const { fits, terminated, wrong, rss } = resultOf(await program('workers', [2, 26], { seconds: 3000 }));
    expect(wrong).toEqual([]);
    expect(terminated).toBeGreaterThanOrEqual(100);
    // After the first rounds have warmed up: no growth beyond a twentieth.
    const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];
    expect(median(rss.slice(-6))).toBeLessThan(1.05 * median(rss.slice(5, 11)));
    figure('fits in worker threads', fits);
    figure('worker threads terminated', terminated);
  });

  test.each(['fused', 'framework'])(
    '4 fits at once are what each is alone, 10 times: %s',
    async (kernels) => {
      for (let i = 0; i < 10; i++) {
        const steps = kernels === 'fused' ? 4000 : 300;
        expect(resultOf(await program('together', [kernels, 4, steps]))).toEqual({
          fits: 4,
          same: 4,
          distinct: 4,
        });
      }
    },
  );
});
