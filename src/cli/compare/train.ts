/** Trains the same on several backends, each in a process of its own: `fusor train` as a user would call it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type ErrorCode, FusorError } from '../../errors';
import { packageRoot } from '../../version';
import { flagName } from '../option';
import * as options from '../options';
import type { Way } from '../ways';

/** Keys that the problem and the way leave over for `train`. */
const SHARED = [...Object.keys(options.problem), 'epochs', 'threads'];

/** @throws what the run ended with, under the name of the way */
export async function trainOn(
  { name, backend, device, kernels, tfjsEngine }: Way,
  settings: Record<string, unknown>,
  runDir: string,
  signal: AbortSignal,
): Promise<void> {
  // No flag says "none": what is absent, and lists without an entry, are left out.
  const shared = SHARED.map((key) => [key, String(settings[key] ?? '')]).filter(([, value]) => value !== '');
  const where = Object.entries({ backend, device, kernels, tfjsEngine, runDir });
  const flags = [...shared, ...where].flatMap(([key, value]) => [`--${flagName(key)}`, value]);
  const args = [
    join(packageRoot, 'scripts', 'fusor.mjs'),
    'train',
    ...flags,
    '--checkpoint',
    'none',
    '--json',
    '--quiet',
  ];
  // Its own Ctrl-C handling keeps what was reached; ours waits for it.
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const out = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      out[stream] += text;
    });
  const how = await new Promise<string | number | null>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (status, killedBy) => done(killedBy ?? status));
  });
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (how === 0) return;
  throw failureOf(name, out.stdout, out.stderr, how);
}

function failureOf(name: string, stdout: string, stderr: string, how: string | number | null): Error {
  try {
    const { error } = JSON.parse(stdout) as { error: { code: ErrorCode; message: string } };
    return new FusorError(error.code, [error.message, name]);
  } catch {
    return new Error(`${name}: fusor train ended with ${how}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  }
}
