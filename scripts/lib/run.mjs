import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants as modes, openSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { makeFolders } from './files.mjs';

const STOPS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program to its end, both streams into the file `log`; after `timeout` ms it is ended.
 * @returns {Promise<number>} its exit status; -1 when it could not be started or was killed by a signal
 */
export function runLogged(command, args, { log, cwd, env, flags = 'w', timeout }) {
  makeFolders(dirname(log));
  const file = openSync(log, flags);
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, env, timeout, stdio: ['ignore', file, file] });
    // A child must not outlive a setup that was told to stop: it would go on writing behind the next one's back.
    const stop = (signal) => {
      child.kill(signal);
      const hard = setTimeout(() => child.kill('SIGKILL'), 5000);
      child.once('exit', () => {
        clearTimeout(hard);
        process.exit(128 + constants.signals[signal]);
      });
    };
    for (const signal of STOPS) process.once(signal, stop);
    const end = (status) => {
      for (const signal of STOPS) process.off(signal, stop);
      closeSync(file);
      done(status);
    };
    child.once('error', () => end(-1));
    child.once('exit', (status) => end(status ?? -1));
  });
}

/** Runs a short program. @returns {Promise<{status: number, stdout: string, stderr: string}>} */
export function runQuiet(command, args, { cwd, env, timeout = 60_000 } = {}) {
  return new Promise((done) => {
    // Not `timeout`: its timer holds this process where the program cannot be started.
    const signal = AbortSignal.timeout(timeout);
    const child = spawn(command, args, { cwd, env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        out[name] += text;
      });
    }
    child.once('error', (error) => done({ status: -1, ...out, stderr: String(error.message) }));
    child.once('close', (status) => done({ status: status ?? -1, ...out }));
  });
}

/**
 * Runs a program whose output the user should see, on stderr: stdout is the caller's to order.
 * @param options.quietStdout jest repeats on stdout what it wrote to a file: keep it back
 * @returns {Promise<{status: number, output: string}>} output: what it wrote to stdout
 */
export function runShown(command, args, { cwd, env, quietStdout = false }) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (!quietStdout) process.stderr.write(text);
    });
    child.once('error', (error) => done({ status: -1, output: `${output}\n${error.message}` }));
    child.once('close', (status, signal) => done({ status: signal ?? status, output }));
  });
}

/** The full path of a program on PATH, or null. */
export function which(name, env = process.env) {
  if (name.includes('/')) return isProgram(name) ? name : null;
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    if (folder && isProgram(join(folder, name))) return join(folder, name);
  }
  return null;
}

function isProgram(path) {
  try {
    accessSync(path, modes.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Why a child that loads a library ended so: what the library said, if it said anything. */
export function loadError({ status, stderr }) {
  const said = stderr.split('\n').find((line) => /error|abort|terminate/i.test(line));
  return said?.trim() ?? `it ended with status ${status}`;
}

/** The first line of a log that looks like the cause, for a one-line error. */
export function firstError(log) {
  const lines = readFileSync(log, 'utf8').split('\n');
  const line =
    lines.find((text) => /\berror\b.*:|CMake Error|^npm error/i.test(text)) ??
    lines.filter((text) => text.trim()).at(-1) ??
    '';
  return line.trim().slice(0, 200);
}
