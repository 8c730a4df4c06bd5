/** The ceilings of this machine: measured once, kept in the cache folder. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { benchEnvironment, measuring } from '../backend/native/measure';
import { cacheFolder } from '../cache-folder';
import { writeAtomic } from '../files/atomic';
import { makeFolders } from '../files/make-folders';
import { version } from '../version';
import { machine } from './machine';
import type { Ceilings } from './roofline';

export { benchEnvironment };

/** A number of threads, or a GPU: `cuda:0`, with its name. */
export type Wanted = number | { device: string; name: string };

/**
 * For each that is wanted. What is not known is measured, some 0.4 s each.
 * @param fresh measures although it is known
 * @throws ERR_BACKEND_UNAVAILABLE where there is no native backend to measure with
 */
export async function ceilingsFor(wanted: readonly Wanted[], fresh: boolean): Promise<Ceilings[]> {
  const { cpu, cores, system } = machine(benchEnvironment());
  const gpus = new Map(
    wanted.flatMap((each) => (typeof each === 'object' ? [[each.device, each.name]] : [])),
  );
  const key = createHash('sha256')
    .update(JSON.stringify([cpu, cores, system, version, ...[...gpus].flat()]))
    .digest('hex');
  const file = join(cacheFolder(), 'ceilings', `${key.slice(0, 16)}.json`);
  const nameOf = ({ device, threads }: Ceilings) => device ?? threads;
  const known = new Map(fresh ? [] : read(file).map((each) => [nameOf(each), each]));
  const names = [...new Set(wanted.map((each) => (typeof each === 'object' ? each.device : each)))];
  const missing = names.filter((name) => !known.has(name));
  if (missing.length > 0) {
    await measuring(async ({ ask }) => {
      for (const name of missing) known.set(name, await measured(name, (it) => ask('ceilings', it)));
    });
    // Without a place to keep it, it is measured again.
    try {
      makeFolders(dirname(file));
      await writeAtomic(file, JSON.stringify([...known.values()]));
    } catch {}
  }
  return names.map((name) => known.get(name)!);
}

async function measured(
  name: number | string,
  ask: (name: number | string) => Promise<Ceilings>,
): Promise<Ceilings> {
  if (typeof name === 'number') return ask(name);
  return { ...(await ask(process.env.FUSOR_PLAYED_GPU ? 'played' : name)), device: name };
}

function read(file: string): Ceilings[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}
