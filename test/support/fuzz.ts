import { join } from 'node:path';
import { figure } from './figures';
import { repository, run } from './script';

export const FUZZED = ['idx', 'gz', 'safetensors', 'model', 'tfjs', 'checkpoint'];

/**
 * Of these only a share is tried in the fast tier, and of HDF5 in the long one: zip archives take some times as long, HDF5, whose reader is
 * begun anew after each damage that it saw, a thousand times; and its values have no checksum.
 */
export const FUZZED_SLOWLY = {
  keras: { share: 0.2, long: 1, accepted: 0.5 },
  npz: { share: 0.2, long: 1, accepted: 0.5 },
  hdf5: { share: 0.003, long: 0.003, accepted: 0.99 },
} as const;

/** MiB beyond what a reader may hold at any time, whatever it reads; these files have a few hundred bytes. */
const MOST_MEMORY = 64;

/** What is let go is collected soon; a reader that needs more than this dies of it. */
const SMALL_HEAP = ['--max-semi-space-size=2', '--max-old-space-size=64'];

/** Reads `count` damaged files in a process of its own: an error of ours or data, soon, and no memory kept. */
export async function fuzz(format: string, count: number, seed: number, most = 0.5): Promise<void> {
  const program = join(repository, 'test', 'programs', 'fuzz.cjs');
  const args = [...SMALL_HEAP, program, format, String(count), String(seed)];
  const { status, stdout, stderr } = await run(process.execPath, args, { timeout: 500_000 });
  if (status !== 0) throw new Error(`a reader fell: ${stderr || `ended with ${status}`}`);
  const { tried, accepted, memoryMiB } = JSON.parse(stdout);
  expect(tried).toBe(count);
  // Neither is all of it damaged beyond the first check, nor does all of it pass.
  expect(accepted).toBeGreaterThan(count / 1000);
  expect(accepted).toBeLessThan(count * most);
  expect(memoryMiB).toBeLessThan(MOST_MEMORY);
  figure(`files fuzzed, ${format}`, count);
}
