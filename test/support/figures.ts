import { appendFileSync } from 'node:fs';

/**
 * Adds to a figure of the suite: cases tried, faults injected, inputs fuzzed, kills survived … `npm test` and
 * `npm run test:long` print the sum of each at their end. Call it where the work was done and found right, not where
 * it was planned.
 */
export function figure(name: string, count = 1): void {
  const log = process.env.FUSOR_FIGURE_LOG;
  if (log) appendFileSync(log, `${JSON.stringify({ name, count })}\n`);
  else process.stderr.write(`figure: ${name}: ${count}\n`);
}
