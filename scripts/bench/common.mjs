/** What the measurements of this folder share: children in a known environment, statistics, the files in results/. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { benchEnvironment } from '../../dist/backend/native/measure.js';
import { machine } from '../../dist/bench/machine.js';
import { Interrupted } from '../../dist/cli/interrupt.js';
import { writeAtomically } from '../lib/files.mjs';
import { root } from '../lib/paths.mjs';

export { machineLine } from '../../dist/bench/machine.js';
export { median } from '../../dist/bench/statistics.js';

export const here = path.join(root, 'scripts', 'bench');
const command = path.join(root, 'scripts', 'fusor.mjs');

/** The last line that a program prints, as JSON. */
export async function jsonOf([file, ...args], env = {}) {
  const options = {
    encoding: 'utf8',
    env: { ...benchEnvironment(), ...env },
    maxBuffer: 1 << 28,
    timeout: 20 * 60_000,
  };
  const { stdout } = await uninterrupted(promisify(execFile)(file, args, options));
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

const STOPS = ['SIGINT', 'SIGTERM'];

/** A signal ends the child first; Ctrl-C reaches it by itself, and it ends by the signal or with a shell's status for it. */
async function uninterrupted(running) {
  const { child } = running;
  child.stdin.end();
  let stopped;
  const stop = (signal) => {
    stopped = signal;
    child.kill(signal);
  };
  for (const signal of STOPS) process.once(signal, stop);
  try {
    return await running;
  } catch (error) {
    const timedOut = error.killed && !stopped;
    const reason = stopped ?? { 130: 'SIGINT', 143: 'SIGTERM' }[error.code] ?? error.signal;
    if (!timedOut && STOPS.includes(reason)) throw new Interrupted(reason);
    const said = error.stderr?.trim().split('\n').at(-1);
    throw said ? new Error(`${said} (${error.message.split('\n')[0]})`, { cause: error }) : error;
  } finally {
    for (const signal of STOPS) process.off(signal, stop);
    // Without the command around it, nobody else has heard it.
    if (stopped && process.listenerCount(stopped) === 0) process.kill(process.pid, stopped);
  }
}

/** The document of `fusor train FLAGS`, its run folder thrown away. */
export async function fusorTrain(flags, { node = [], env } = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fusor-bench-'));
  try {
    const words = ['train', ...flags.map(String), '--json', '--run-dir', path.join(folder, 'run')];
    return await jsonOf([process.execPath, ...node, command, ...words], env);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Something on the way, on one line of the terminal that the next one replaces. */
export function note(text) {
  process.stderr.write(process.stderr.isTTY ? `\r${text.padEnd(80)}` : `${text}\n`);
}

/** A result with what belongs beside it; in results/NAME.json with `save`. */
export function documentOf(name, command, figures, save) {
  const document = {
    command,
    date: new Date().toISOString(),
    machine: machine(benchEnvironment()),
    ...figures,
  };
  if (process.stderr.isTTY) note('\r');
  if (save)
    writeAtomically(path.join(here, 'results', `${name}.json`), `${JSON.stringify(document, null, 2)}\n`);
  return document;
}
