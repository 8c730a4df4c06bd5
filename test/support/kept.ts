/**
 * What the reference session came to, kept below build/ for the targets that follow: most of the conformance suite's time
 * would else be its arithmetic, once a target. Known by all that it came from: its arguments, and the sources it runs.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { repository } from './script';

const SOURCES = [
  'test/conformance/training.ts',
  'test/support/plans.ts',
  'test/support/reference',
  'test/support/reference.ts',
  'dist/random.js',
  'dist/backend/contract.js',
];

function sourcesOf(path: string): Buffer[] {
  const all = join(repository, path);
  if (/\.[jt]s$/.test(path)) return [readFileSync(all)];
  return readdirSync(all)
    .sort()
    .map((name) => readFileSync(join(all, name)));
}

let folder: string | undefined;

function folderOfThese(): string {
  if (folder) return folder;
  const hash = createHash('sha256');
  for (const source of SOURCES.flatMap(sourcesOf)) hash.update(source);
  const all = join(repository, 'build', 'test', 'reference');
  const own = hash.digest('hex').slice(0, 16);
  folder = join(all, own);
  mkdirSync(folder, { recursive: true });
  // Of other sources: nobody asks for it again.
  for (const name of readdirSync(all))
    if (name !== own) rmSync(join(all, name), { recursive: true, force: true });
  return folder;
}

/** @param from all that `make` depends on; what it makes is data */
export async function kept<T>(from: unknown, make: () => Promise<T>): Promise<T> {
  const key = createHash('sha256').update(serialize(from)).digest('hex').slice(0, 32);
  const file = join(folderOfThese(), key);
  try {
    return deserialize(readFileSync(file));
  } catch {
    const made = await make();
    const part = `${file}.${process.pid}`;
    writeFileSync(part, serialize(made));
    renameSync(part, file);
    return made;
  }
}
