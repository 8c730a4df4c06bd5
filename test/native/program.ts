/** The child programs of this folder: what is done to the addon is done where it may kill the process. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Ended, repository, run } from '../support/script';

/** The addon with fault points, built by `npm run setup -- --test`. */
export const faultsAddon = join(repository, 'build/native/Release/fusor_faults.node');

/** Why these tests cannot run here; null when they can. */
export const obstacle = existsSync(faultsAddon) ? null : 'the native backend is not built';

export interface ProgramOptions {
  addon?: string;
  node?: string[];
  env?: NodeJS.ProcessEnv;
  seconds?: number;
}

/** Runs one of the programs to its end; a hang ends as SIGKILL. */
export function program(
  name: string,
  args: (string | number)[],
  { addon = faultsAddon, node = [], env = {}, seconds = 100 }: ProgramOptions = {},
): Promise<Ended> {
  return run(process.execPath, [...node, join(__dirname, `${name}.cjs`), addon, ...args.map(String)], {
    env: { ...process.env, ...env },
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 28,
  });
}

/** The JSON on the last line of stdout, of a program that ended well. */
export function resultOf({ status, stdout, stderr }: Ended) {
  if (status !== 0) throw new Error(`ended with ${status}:\n${stdout}\n${stderr}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

/** As many at a time as there are cores. */
export async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const one = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, one));
}
