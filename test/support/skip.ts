import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * Notes why something is not run; `npm test` prints every reason at its end ("not run" is never "passed"). Within a test: why that
 * returns, which then counts as skipped.
 */
export function noteSkip(reason: string): void {
  const { testPath, currentTestName: test } = expect.getState();
  const suite = basename(testPath ?? 'unknown');
  const log = process.env.FUSOR_SKIP_LOG;
  if (log) appendFileSync(log, `${JSON.stringify({ suite, test, reason })}\n`);
  else process.stderr.write(`skipped: ${suite}: ${reason}\n`);
}

/** `test`, or, given a reason, `test.skip` with that reason noted. */
export function testUnless(reason: string | null | undefined | false): jest.It {
  if (!reason) return test;
  noteSkip(reason);
  return test.skip;
}

/** `describe`, or, given a reason, `describe.skip` with that reason noted. */
export function describeUnless(reason: string | null | undefined | false): jest.Describe {
  if (!reason) return describe;
  noteSkip(reason);
  return describe.skip;
}
