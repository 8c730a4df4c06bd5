import { FusorError } from '../errors';
import { readText } from './read-text';
import { ioError, systemCode } from './system-error';

/** What a file of a run folder holds; undefined where there is none. @throws ERR_IO, ERR_FILE_FORMAT */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readText(file));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error))) return undefined;
    if (systemCode(error)) throw ioError(error, 'read', file);
    throw new FusorError('ERR_FILE_FORMAT', ['not JSON', file, 'the file is damaged'], { file });
  }
}
