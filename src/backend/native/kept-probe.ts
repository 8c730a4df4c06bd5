/**
 * What a child found of the processor, kept between processes: looking costs as much time as loading libtorch does, and
 * finds the same as long as nothing changes that it looked at. Of a GPU nothing is kept: it may be gone.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import path from 'node:path';
import { cacheFolder } from '../../cache-folder';
import { writeAtomic } from '../../files/atomic';
import { makeFolders } from '../../files/make-folders';
import type { Candidate } from '../contract';
import { ADDON_FILE } from './binding';

interface Kept {
  /** Every file that was loaded, as it was. */
  files: Record<string, string>;
  candidates: Candidate[];
}

/** In the process that has loaded the addon. Where nothing can be written, nothing is kept. */
export async function keepProbe(candidates: Candidate[]): Promise<void> {
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] };
  const loaded = [process.execPath, ADDON_FILE, ...sharedObjects].filter((file) => path.isAbsolute(file));
  try {
    const files = Object.fromEntries(loaded.map((file) => [file, stateOf(file)]));
    const target = keptFile();
    makeFolders(path.dirname(target));
    await writeAtomic(target, JSON.stringify({ files, candidates } satisfies Kept));
  } catch {}
}

/** @returns null where nothing was found usable yet, or something has changed since */
export function keptProbe(): Candidate[] | null {
  try {
    const { files, candidates } = JSON.parse(readFileSync(keptFile(), 'utf8')) as Kept;
    const same = Object.entries(files).every(([file, state]) => stateOf(file) === state);
    return same && files[ADDON_FILE] ? candidates : null;
  } catch {
    return null;
  }
}

function stateOf(file: string): string {
  const { size, mtimeMs, ino } = statSync(file);
  return `${size} ${mtimeMs} ${ino}`;
}

/** One a processor, and a set of the variables that loaders and numerical libraries read. */
function keptFile(): string {
  const read = /^(LD|DYLD|GLIBC|TORCH|ATEN|OMP|KMP|GOMP|MKL|DNNL|ONEDNN)_/;
  const variables = Object.entries(process.env).filter(([name]) => read.test(name));
  const about = [ADDON_FILE, process.version, cpus()[0]?.model, availableParallelism(), variables.sort()];
  const name = createHash('sha256').update(JSON.stringify(about)).digest('hex').slice(0, 16);
  return path.join(cacheFolder(), 'probes', `${name}.json`);
}
