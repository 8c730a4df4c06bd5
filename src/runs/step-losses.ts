/** The loss of every step of a run, four bytes each: losses.f32, little-endian float32. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FusorError } from '../errors';
import { writeAtomic } from '../files/atomic';

const FILE = 'losses.f32';

export async function writeStepLosses(folder: string, losses: Float32Array): Promise<void> {
  await writeAtomic(join(folder, FILE), losses);
}

/**
 * null where a run has none: it did not end, or is older.
 * @param steps that the run says it has done
 * @throws ERR_FILE_FORMAT
 */
export function readStepLosses(folder: string, steps: number): Float32Array | null {
  const file = join(folder, FILE);
  if (!existsSync(file)) return null;
  const bytes = readFileSync(file);
  if (bytes.byteLength !== 4 * steps)
    throw new FusorError(
      'ERR_FILE_FORMAT',
      [
        `the file has ${bytes.byteLength} bytes, the losses of ${steps} steps are ${4 * steps}`,
        file,
        'bring it back, or remove it: the run is then compared without',
      ],
      { file },
    );
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
