import { realpath } from 'node:fs/promises';
import { isAbsolute, join, sep, win32 } from 'node:path';
import { show } from '../arguments';
import { FusorError } from '../errors';
import { ioError, systemCode } from './system-error';

/**
 * The file in `folder` that `path`, a name found in the file `source`, means; undefined where there is none.
 * It may lie in a folder below, never outside: links are followed before that is decided.
 * @throws ERR_PATH_ESCAPE, ERR_IO
 */
export async function containedPath(
  folder: string,
  path: unknown,
  source: string,
): Promise<string | undefined> {
  const fault = faultOf(path);
  if (fault) throw outside(path, fault, source);
  try {
    const root = await realpath(folder);
    const target = await realpath(join(root, path as string));
    if (target.startsWith(root.endsWith(sep) ? root : root + sep)) return target;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(systemCode(error))) return undefined;
    throw ioError(error, 'read', join(folder, path as string));
  }
  throw outside(path, 'is a link to the outside', source);
}

/** Why a name is refused whatever lies there, on every system: what is harmless here may not be elsewhere. */
function faultOf(path: unknown): string | undefined {
  if (typeof path !== 'string' || path === '') return 'is no file name';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is them that are refused.
  if (/[\0-\x1f]/.test(path)) return 'holds a control character';
  if (/^[a-z][a-z0-9+.-]*:/i.test(path)) return 'is a URL or has a drive letter';
  if (isAbsolute(path) || win32.isAbsolute(path)) return 'is absolute';
  if (path.split(/[/\\]/).includes('..')) return 'leads out of the folder';
  if (path.includes('\\')) return 'holds a backslash';
  return undefined;
}

function outside(path: unknown, fault: string, source: string): FusorError {
  return new FusorError(
    'ERR_PATH_ESCAPE',
    [`the path ${show(path)} ${fault}`, source, 'put the file beside it and name it alone'],
    { file: source, path: String(path) },
  );
}
