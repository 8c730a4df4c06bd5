/** The ceilings of this machine: measured once, kept in the cache folder. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { benchEnvironment, measuring } from '../backend/native/measure';
import { cacheFolder } from '../cache-folder';
import { writeAtomic } from '../io/atomic';
import { version } from '../version';
import { machine } from './machine';
import type { Ceilings } from './roofline';

export { benchEnvironment };

/**
 * For each number of threads. What is not known is measured, some 0.4 s each.
 * @param fresh measures although it is known
 * @throws ERR_BACKEND_UNAVAILABLE where there is no native backend to measure with
 */
export async function ceilingsFor(threads: readonly number[], fresh: boolean): Promise<Ceilings[]> {
  const { cpu, cores, system } = machine(benchEnvironment());
  const key = createHash('sha256')
    .update(JSON.stringify([cpu, cores, system, version]))
    .digest('hex');
  const file = join(cacheFolder(), 'ceilings', `${key.slice(0, 16)}.json`);
  const known = new Map(fresh ? [] : read(file).map((each) => [each.threads, each]));
  const wanted = [...new Set(threads)];
  const missing = wanted.filter((count) => !known.has(count));
  if (missing.length > 0) {
    await measuring(async ({ ask }) => {
      for (const count of missing) known.set(count, await ask('ceilings', count));
    });
    // Without a place to keep it, it is measured again.
    await mkdir(join(file, '..'), { recursive: true })
      .then(() => writeAtomic(file, JSON.stringify([...known.values()])))
      .catch(() => {});
  }
  return wanted.map((count) => known.get(count)!);
}

function read(file: string): Ceilings[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}
