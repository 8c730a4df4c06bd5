import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolders, readJson } from './files.mjs';
import { buildDir, root } from './paths.mjs';
import { runShown } from './run.mjs';

// Several processes at a time, each with a thread a core: libtorch's would spin between loops on cores that others need.
const sharing = { OMP_WAIT_POLICY: 'passive' };

const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');

/**
 * Runs these test files and counts. A process that died, or a file that could not be loaded, is a
 * failure; so is a skip for which no reason was noted (test/support/skip.ts).
 * @param config a file of test/
 * @returns {Promise<{passed: number, failed: number, skipped: number, reasons: string[], figures: {name: string, count: number}[]}>}
 *   figures: as noted (test/support/figures.ts), not yet summed
 */
export async function runJest(name, files, { env = {}, config = 'jest.config.cjs' } = {}) {
  const folder = join(buildDir, 'test');
  makeFolders(folder);
  const result = join(folder, `${name.replaceAll(/[^\w-]+/g, '-')}.json`);
  const skips = result.replace(/json$/, 'skips.jsonl');
  const figures = result.replace(/json$/, 'figures.jsonl');
  for (const path of [result, skips, figures]) rmSync(path, { force: true });

  const args = ['--config', join('test', config), '--json', '--outputFile', result];
  const { status } = await runShown(process.execPath, [jest, ...args, '--runTestsByPath', ...files], {
    cwd: root,
    env: { ...process.env, ...sharing, ...env, FUSOR_SKIP_LOG: skips, FUSOR_FIGURE_LOG: figures },
    quietStdout: true,
  });
  const json = readJson(result);
  if (!json)
    return {
      passed: 0,
      failed: 1,
      skipped: 0,
      reasons: [`${name}: jest ended with ${status} before it could report`],
    };

  const notes = readLines(skips);
  const reasons = distinctReasons(notes).map((reason) => `${name}: ${reason}`);
  let failed = json.numFailedTests + json.numRuntimeErrorTestSuites;
  // What has found out in the middle that it cannot run has passed, for jest.
  const returned = new Set(notes.filter(({ test }) => test).map(({ suite, test }) => `${suite} ${test}`))
    .size;
  const skipped = json.numPendingTests + json.numTodoTests + returned;
  if (skipped > 0 && reasons.length === 0) {
    failed += 1;
    reasons.push(`${name}: FAILED: ${skipped} skipped without a reason; use test/support/skip.ts`);
  }
  if (status !== 0 && failed === 0) failed = 1;
  return { passed: json.numPassedTests - returned, failed, skipped, reasons, figures: readLines(figures) };
}

/** Each reason once, with the files that gave it. */
function distinctReasons(skips) {
  const files = new Map();
  for (const { suite, reason } of skips) files.set(reason, (files.get(reason) ?? new Set()).add(suite));
  return [...files].map(([reason, suites]) => `${reason} (${[...suites].join(', ')})`);
}

function readLines(path) {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}
