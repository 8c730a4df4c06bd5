/** What is wrong with a file of data that is to be read. */
import { FusorError } from '../errors';
import { ioError, systemCode } from '../files/system-error';

/** Why it cannot be opened. */
export function unopened(error: unknown, file: string): FusorError {
  if (systemCode(error) !== 'ENOENT') return ioError(error, 'read the data file', file);
  return new FusorError('ERR_DATA_MISSING', ['no such data file', file, 'check the path'], { file });
}

/** @throws ERR_DATA_FORMAT for what is no regular file */
export function checkRegular(stat: { isFile(): boolean }, file: string): void {
  if (stat.isFile()) return;
  throw new FusorError('ERR_DATA_FORMAT', ['not a regular file', file, 'name a data file'], { file });
}
