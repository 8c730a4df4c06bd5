/** Runs of the command line under strace, which makes a chosen call of the system fail. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { environment } from './cli';
import { type Ended, repository, run } from './script';

/** Why it cannot be used; null when it can. */
export const noStrace: string | null = (() => {
  const tried = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { stdio: 'ignore' });
  if (tried.error) return 'strace is not installed (apt install strace)';
  return tried.status === 0 ? null : 'strace may not trace here (ptrace is not allowed)';
})();

export interface Traced extends Ended {
  /** `fsync(19) = 0`, … in their order, on the paths that were asked for. */
  trace: string[];
  /** Whether the fault came to pass. */
  injected: boolean;
}

/**
 * `fusor ARGS`, calls on `paths` traced; `PID` in a path stands for the number of the process.
 * @param fault e.g. { call: 'fsync', error: 'ENOSPC', n: 2 }: the second one fails
 */
export async function traced(
  args: readonly string[],
  paths: readonly string[],
  folder: string,
  fault?: { call: string; error: string; n: number },
): Promise<Traced> {
  const log = join(folder, 'strace.log');
  rmSync(log, { force: true });
  const script = join(repository, 'scripts', 'fusor.mjs');
  // With -D the traced program keeps the number of the shell, so that names of temp files are known.
  const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ');
  const filter = paths.map((path) => `-P "${path.replace('PID', () => '$$')}"`).join(' ');
  const inject = fault ? `-e inject=${fault.call}:error=${fault.error}:when=${fault.n}` : '';
  const program = `exec strace -D -f -qq -o '${log}' ${filter} ${inject} ${quoted([process.execPath, script, ...args])}`;
  // One thread of libuv does all the file work, one call after the other.
  const env = { ...environment(), UV_THREADPOOL_SIZE: '1' };
  const ended = await run('sh', ['-c', program], { env, cwd: folder });
  await written(log);
  const lines = readFileSync(log, 'utf8').split('\n');
  const trace = lines.map((line) => line.replace(/^\d+ +/, '')).filter((line) => /^\w+\(/.test(line));
  return { ...ended, trace, injected: trace.some((line) => line.includes('(INJECTED)')) };
}

/** The tracer may end a moment after what it traces. */
async function written(log: string): Promise<void> {
  for (let n = 0; n < 100 && !existsSync(log); n++) await new Promise((done) => setTimeout(done, 20));
  await new Promise((done) => setTimeout(done, 50));
}
