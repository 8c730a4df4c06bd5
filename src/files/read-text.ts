import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { READ_FLAGS } from './system-error';

/** More than the history of a million epochs has. */
const MOST_BYTES = 2 ** 28;

/**
 * A file that a user named, or in a folder that a user named, whole and at once. Where readFileSync would wait for a named
 * pipe, deaf to every signal, or read without an end until memory is gone, it throws as the system would.
 */
export function readText(file: string): string {
  const fd = openSync(file, READ_FLAGS);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() && !stat.isDirectory())
      throw Object.assign(new Error(file), { code: 'not a regular file' });
    if (stat.size > MOST_BYTES) throw Object.assign(new Error(file), { code: 'larger than 256 MiB' });
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
