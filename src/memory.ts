/** What does not fit into memory is said before it is tried: the system's way of saying it is to kill the process. */
import { freemem } from 'node:os';
import { FusorError } from './errors';

/** Bytes that this process may still take, by the system's count and by its container's limit. */
export function availableMemory(): number {
  // The first knows of containers.
  return Math.min(process.availableMemory() || Number.POSITIVE_INFINITY, freemem());
}

/** 1234567890 → '1.2 GB'. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/**
 * @param bytes the least that the work is certain to allocate
 * @param what takes them: 'the training data'
 * @throws ERR_OUT_OF_MEMORY unless they are there; FUSOR_MEMORY_CHECK=0 leaves it to the system
 */
export function requireMemory(bytes: number, what: string, where: string, mend: string): void {
  // Asking the system takes a while; so little is always there.
  if (bytes < 2 ** 26 || process.env.FUSOR_MEMORY_CHECK === '0') return;
  const available = availableMemory();
  if (bytes <= available) return;
  throw new FusorError(
    'ERR_OUT_OF_MEMORY',
    [`${what} need ${bytesText(bytes)} of memory, ${bytesText(available)} are free`, where, mend],
    { needed: bytes, available },
  );
}
