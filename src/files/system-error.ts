import { constants } from 'node:fs';
import { FusorError } from '../errors';

/** For opening a file to read it: without O_NONBLOCK a named pipe would wait for a writer for ever. */
export const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** What a person does about the errors of the operating system that people meet. */
const CURES: Record<string, string> = {
  EACCES: 'give yourself access, or choose another place',
  EPERM: 'give yourself access, or choose another place',
  EROFS: 'choose a place on a disk that can be written',
  ENOSPC: 'make room on the disk',
  EDQUOT: 'make room in your quota',
  ENOENT: 'check the path',
  ENOTDIR: 'a part of the path is a file: choose another place',
  EISDIR: 'it is a folder: name a file',
  EEXIST: 'something of that name is there: choose another place',
  EMFILE: 'raise the limit on open files (ulimit -n)',
  'not a regular file': 'name a file',
  'larger than 256 MiB': 'name another file',
};

/** The system's error code ('ENOENT') of anything thrown, or ''. */
export function systemCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/** ERR_IO for an error of the operating system: `cannot <doing> (<code>) · <path> · <cure>`. */
export function ioError(error: unknown, doing: string, path: string): FusorError {
  const code = systemCode(error);
  const reason = code || (error instanceof Error ? error.message : String(error));
  return new FusorError(
    'ERR_IO',
    [`cannot ${doing} (${reason})`, path, CURES[code] ?? ''],
    { path, system: code },
    { cause: error },
  );
}
