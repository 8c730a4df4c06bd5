import type { Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { FusorError } from '../errors';
import { ioError, READ_FLAGS, systemCode } from './system-error';

/** A file that is open: its size is known, nothing of that size is allocated. */
export interface OpenFile {
  readonly file: string;
  readonly size: number;
  /** Exactly [begin, end). @throws ERR_IO where the file has become shorter */
  read(begin: number, end: number): Promise<Uint8Array>;
}

/**
 * Opens a regular file for `use`, and sees to it that it has not changed its size meanwhile.
 * @param missing the error where there is no such file
 * @throws ERR_FILE_FORMAT for what is no regular file, ERR_IO
 */
export async function withFile<T>(
  file: string,
  missing: (cause: unknown) => FusorError,
  use: (opened: OpenFile) => Promise<T>,
): Promise<T> {
  let handle: FileHandle;
  try {
    handle = await open(file, READ_FLAGS);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(systemCode(error))) throw missing(error);
    throw ioError(error, 'read', file);
  }
  try {
    const stat = await sizeOf(handle, file);
    if (stat.isDirectory()) throw missing(undefined);
    if (!stat.isFile())
      throw new FusorError('ERR_FILE_FORMAT', ['not a regular file', file, 'name a file'], { file });
    const result = await use({ file, size: stat.size, read: (begin, end) => read(handle, begin, end, file) });
    if ((await sizeOf(handle, file)).size !== stat.size) throw changed(file);
    return result;
  } finally {
    await handle.close().catch(() => {});
  }
}

/** All bytes of a file. @throws as {@link withFile} */
export function readWhole(file: string, missing: (cause: unknown) => FusorError): Promise<Uint8Array> {
  return withFile(file, missing, ({ size, read }) => read(0, size));
}

async function sizeOf(handle: FileHandle, file: string): Promise<Stats> {
  try {
    return await handle.stat();
  } catch (error) {
    throw ioError(error, 'read', file);
  }
}

async function read(handle: FileHandle, begin: number, end: number, file: string): Promise<Uint8Array> {
  const bytes = allocate(end - begin, file);
  for (let done = 0; done < bytes.length; ) {
    let count: number;
    try {
      ({ bytesRead: count } = await handle.read(bytes, done, bytes.length - done, begin + done));
    } catch (error) {
      throw ioError(error, 'read', file);
    }
    if (count === 0) throw changed(file);
    done += count;
  }
  return bytes;
}

/** Zeros for what is read. @throws ERR_IO where there is not so much memory */
export function allocate(size: number, file: string): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (cause) {
    const parts = [`${size} bytes are more than fit into memory`, file, 'use a machine with more'] as const;
    throw new FusorError('ERR_IO', parts, { file, size }, { cause });
  }
}

/** That somebody still writes a file. */
export function changed(file: string): FusorError {
  return new FusorError(
    'ERR_IO',
    ['the file changed while it was read', file, 'try again when it is whole'],
    { file },
  );
}
