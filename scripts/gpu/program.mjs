/** Programs that are run within the time that is left, and what they print. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { buildDir, root } from '../lib/paths.mjs';
import { dry, left } from './options.mjs';

/** Of its own: pack.mjs puts compiled kernels there. */
const cache = join(buildDir, 'gpu-cache');
export const kernelCache = join(cache, 'kernels');
export const env = {
  ...process.env,
  ...(dry ? { FUSOR_PLAYED_GPU: '1' } : { LIBTORCH_USE_PYTORCH: '1', FUSOR_CACHE: cache }),
};

/** Runs a program to its end or its limit, whatever it ends with. @param more variables */
export function program(command, args, { limit = 120, more = {} } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, env: { ...env, ...more }, detached: true });
    let text = '';
    let errors = '';
    let timedOut = false;
    const end = () => {
      timedOut = true;
      try {
        process.kill(-child.pid, 'SIGKILL'); // with all that it started
      } catch {}
    };
    const timer = setTimeout(end, 1000 * Math.max(1, Math.min(limit, left())));
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors = (errors + chunk).slice(-4000);
    });
    const settle = (status) => {
      clearTimeout(timer);
      done({ status, timedOut, text, errors: errors.slice(-1500) });
    };
    child.once('error', (error) => settle(error.message));
    child.once('close', (status, signal) => settle(status ?? signal));
  });
}

export const lastLine = (text) => text.trimEnd().split('\n').at(-1);

/** The last line as JSON; what went wrong where it is none. */
export async function json(command, args, options) {
  const { status, timedOut, text, errors } = await program(command, args, options);
  try {
    return JSON.parse(lastLine(text));
  } catch {
    return { failed: timedOut ? 'out of time' : `status ${status}`, errors };
  }
}

/** The document of a command of ours. */
export const fusor = (args, options) =>
  json(process.execPath, [join(root, 'scripts', 'fusor.mjs'), ...args, '--json'], options);

/** A training of random rows: see train-net.cjs. */
export const trainNet = (job) => {
  const script = join(root, 'scripts', 'gpu', 'train-net.cjs');
  return json(process.execPath, [script, JSON.stringify({ device: 'cuda', ...job })]);
};
