/** The command line as a child process, as users have it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findPackage } from '../../src/backend/tfjs/packages';
import { repository } from './script';

export interface Ran {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  milliseconds: number;
}

export interface CliOptions {
  cwd: string;
  env?: Record<string, string>;
  /** Default 'ignore'. */
  stdin?: 'ignore' | 'pipe';
}

const command = join(repository, 'scripts', 'fusor.mjs');

/** Nothing of the environment of the tests may change what a command does; what was set up is where they found it. */
export function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const clean = Object.entries(process.env).filter(
    ([name]) => !/^(FUSOR_(?!CACHE$)|LIBTORCH|NO_COLOR|FORCE_COLOR)/.test(name),
  );
  return { ...Object.fromEntries(clean), ...more };
}

export function startCli(args: readonly string[], { cwd, env, stdin = 'ignore' }: CliOptions): ChildProcess {
  return spawn(process.execPath, [command, ...args], {
    cwd,
    env: environment(env),
    stdio: [stdin, 'pipe', 'pipe'],
  });
}

/** Runs `fusor ARGS` to its end. */
export function fusor(args: readonly string[], options: CliOptions): Promise<Ran> {
  return finished(startCli(args, options));
}

export function finished(child: ChildProcess): Promise<Ran> {
  const began = performance.now();
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text) => {
      out[name] += text;
    });
  }
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (status, signal) =>
      done({ status, signal, ...out, milliseconds: performance.now() - began }),
    );
  });
}

/** The one JSON document on stdout. */
export function documentOf({ stdout, stderr }: Ran) {
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`stdout is not one JSON document:\n${stdout}\nstderr:\n${stderr}`);
  }
}

export const WASM = ['--backend', 'tfjs', '--tfjs-engine', 'wasm'];

/** A server of a model, once it answers. */
export async function startServing(
  model: string,
  cwd: string,
): Promise<{ server: ChildProcess; address: string }> {
  const server = startCli(['serve', model, '--port', '0', '--json', ...WASM], { cwd });
  const [line] = (await once(server.stdout!, 'data')) as [Buffer];
  return { server, address: JSON.parse(line.toString()).address };
}

type Way = [name: string, flags: string[], obstacle: string | null];

/** TensorFlow's engine: name, flags, and why it cannot be. */
export const TENSORFLOW: Way = [
  'tfjs node',
  ['--backend', 'tfjs', '--tfjs-engine', 'node'],
  findPackage('node') ? null : 'TensorFlow is not set up',
];

/** The backends that a command is tried on: name, flags, and why it cannot be (null when it can). */
export const BACKENDS: Way[] = [
  ['tfjs wasm', WASM, null],
  [
    'native',
    ['--backend', 'native', '--device', 'cpu'],
    existsSync(join(repository, 'build', 'fusor.node')) ? null : 'the native backend is not built',
  ],
];
