/** Kernels and the fused trainer's teams of threads under sanitizers; each has to find its planted bug. */
import { ADDRESS_UNDEFINED, engineTest, kernelTest } from '../native/sanitized';
import { figure } from '../support/figures';
import { run } from '../support/script';

const COUNT = /^(\d+) passed, 0 failed, \d+ skipped$/m;

test('the kernel cases under ASan and UBSan', async () => {
  const { status, stdout, stderr } = await run(await kernelTest(ADDRESS_UNDEFINED), []);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  figure('kernel cases under ASan and UBSan', Number(COUNT.exec(stdout)![1]));
});

const BUGS = {
  [ADDRESS_UNDEFINED]: {
    overflow: 'heap-buffer-overflow',
    undefined: 'signed integer overflow',
    leak: 'LeakSanitizer: detected memory leaks',
  },
  thread: { race: 'ThreadSanitizer: data race' },
};

describe.each(Object.entries(BUGS))('the fused trainer under %s', (sanitize, bugs) => {
  // Leaks are looked for at the end, by default.
  const env = { ...process.env, UBSAN_OPTIONS: 'halt_on_error=1', TSAN_OPTIONS: 'halt_on_error=1' };

  test('is clean', async () => {
    const { status, stdout, stderr } = await run(await engineTest(sanitize), [], { env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    figure(`trainings under ${sanitize}`, Number(COUNT.exec(stdout)![1]));
  });

  test.each(Object.entries(bugs))('a planted bug is found: %s', async (bug, report) => {
    const { status, stderr } = await run(await engineTest(sanitize), ['--plant', bug], { env });
    expect(status).not.toBe(0);
    expect(stderr).toContain(report);
    figure('planted bugs found by sanitizers');
  });
});
