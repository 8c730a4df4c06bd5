/** What the measurements of this folder share: children in a known environment, statistics, the files in results/. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { benchEnvironment } from '../../dist/backend/native/measure.js';
import { machine, machineLine } from '../../dist/bench/machine.js';
import { median } from '../../dist/bench/statistics.js';
import { Interrupted } from '../../dist/cli/interrupt.js';
import { writeAtomically } from '../lib/files.mjs';
import { root } from '../lib/paths.mjs';

export { median };

export const here = path.join(root, 'scripts', 'bench');
const command = path.join(root, 'scripts', 'fusor.mjs');

/** The last line that a program prints, as JSON. */
export function jsonOf([file, ...args], env = {}) {
  const text = uninterrupted(() =>
    execFileSync(file, args, {
      encoding: 'utf8',
      env: { ...benchEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
      timeout: 20 * 60_000,
    }),
  );
  return JSON.parse(text.trim().split('\n').at(-1));
}

/** What a child's end means for this process: Ctrl-C ends the child first, by the signal or with a shell's status for it. */
function uninterrupted(work) {
  try {
    return work();
  } catch (error) {
    const reason = { 130: 'SIGINT', 143: 'SIGTERM' }[error.status] ?? error.signal;
    const timedOut = error.code === 'ETIMEDOUT';
    if (!timedOut && ['SIGINT', 'SIGTERM'].includes(reason)) throw new Interrupted(reason);
    const said = error.stderr?.trim().split('\n').at(-1);
    throw said ? new Error(`${said} (${error.message.split('\n')[0]})`, { cause: error }) : error;
  }
}

/** The document of `fusor train FLAGS`, its run folder thrown away. */
export function fusorTrain(flags, { node = [], env } = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fusor-bench-'));
  try {
    const words = ['train', ...flags.map(String), '--json', '--run-dir', path.join(folder, 'run')];
    return jsonOf([process.execPath, ...node, command, ...words], env);
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

export { machineLine };
