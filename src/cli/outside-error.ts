/** Errors of V8 and of the system that are no fault of ours, in our words. */
import { FusorError, isFusorError } from '../errors';

/** The error, or what it is to the user. */
export const asOurs = (error: unknown): unknown => ofTheSystem(withoutMemory(error));

/** What V8 says where memory for an array cannot be had, in our words. */
function withoutMemory(error: unknown): unknown {
  if (!(error instanceof RangeError && /allocation failed|out of memory/i.test(error.message))) return error;
  const parts = [
    'there is no memory for this',
    '',
    'close other programs, raise the limit (ulimit -v), or take less data',
  ] as const;
  return new FusorError('ERR_OUT_OF_MEMORY', parts, {}, { cause: error });
}

/** What the system refuses of a path is no fault of ours, wherever it comes from. */
function ofTheSystem(error: unknown): unknown {
  const { code, syscall, path } = Object(error) as NodeJS.ErrnoException;
  if (isFusorError(error) || !code || !syscall || path === undefined) return error;
  const parts = [
    `${syscall} failed (${code})`,
    path,
    'check the path, its permissions and the disk',
  ] as const;
  return new FusorError('ERR_IO', parts, { path }, { cause: error });
}
