import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { constants, gunzipSync } from 'node:zlib';
import { FusorError } from '../errors';
import { changed } from '../files/read-file';
import { ioError, READ_FLAGS, systemCode } from '../files/system-error';
import { requireMemory } from '../memory';
import { checkRegular, unopened } from './data-file';

/** How much of a packed file is unpacked to see the header; at most 1,032 times as much comes out of it. */
const PACKED_HEAD = 4096;
const HEAD = 64;
/** DEFLATE packs at most 1,032 to 1, so a packed file bounds what it can unpack to. */
const MOST_EXPANSION = 1032;

/** A data file, open, its first bytes known and nothing more allocated. gzip is told by its magic, not its name. */
export interface OpenedFile {
  readonly file: string;
  /** Up to 64 unpacked bytes: fewer when the file has fewer. */
  readonly head: Buffer;
  readonly packed: boolean;
  /** Unpacked bytes; of a packed file the most that it can hold. */
  readonly size: number;
  /**
   * All unpacked bytes, given that they must be `expected`.
   * @throws ERR_DATA_TRUNCATED, ERR_DATA_FORMAT (more than expected, or damaged gzip), ERR_IO (changed meanwhile)
   */
  read(expected: number): Buffer;
  close(): void;
}

/** What is in memory already, with a name for errors. */
export interface NamedBytes {
  name: string;
  bytes: Buffer;
}

/** A file by its path, or what is in memory. */
export type DataSource = string | NamedBytes;

export const nameOf = (source: DataSource): string => (typeof source === 'string' ? source : source.name);

/** @throws ERR_DATA_MISSING when there is no such file, ERR_IO when it cannot be read, ERR_DATA_FORMAT */
export function openDataFile(file: DataSource): OpenedFile {
  if (typeof file !== 'string') return openBytes(file);
  let fd: number;
  try {
    fd = openSync(file, READ_FLAGS);
  } catch (error) {
    throw unopened(error, file);
  }
  try {
    const stat = fstatSync(fd);
    checkRegular(stat, file);
    const size = stat.size;
    const start = readUpTo(fd, Math.min(PACKED_HEAD, size), file);
    const packed = isGzip(start);
    const head = packed ? unpackHead(start, file) : start.subarray(0, HEAD);
    const read = (expected: number) => {
      requireMemory(expected, 'the data', file, 'close other programs, or take a part of it');
      if (!packed) return readAll(fd, expected, file);
      checkPacked(size, expected, file);
      const bytes = readUpTo(fd, size, file);
      checkUnchanged(fd, size, bytes.length, file);
      return unpackAll(bytes, expected, file);
    };
    const close = () => closeSync(fd);
    return { file, head, packed, size: packed ? size * MOST_EXPANSION : size, read, close };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openBytes({ name, bytes }: NamedBytes): OpenedFile {
  const packed = isGzip(bytes);
  const head = packed ? unpackHead(bytes.subarray(0, PACKED_HEAD), name) : bytes.subarray(0, HEAD);
  const size = packed ? bytes.length * MOST_EXPANSION : bytes.length;
  const read = (expected: number) => {
    requireMemory(expected, 'the data', name, 'close other programs, or take a part of it');
    if (!packed) return bytes.subarray(0, expected);
    checkPacked(bytes.length, expected, name);
    return unpackAll(bytes, expected, name);
  };
  return { file: name, head, packed, size, read, close: () => {} };
}

const isGzip = (start: Buffer) => start[0] === 0x1f && start[1] === 0x8b;

/** All of a file that is never packed. @param kind what it should be: 'an array of numpy' @throws as {@link openDataFile} */
export function readPlain(source: DataSource, kind: string): Buffer {
  const opened = openDataFile(source);
  try {
    if (!opened.packed) return opened.read(opened.size);
    throw new FusorError('ERR_DATA_FORMAT', [`a gzip file, not ${kind}`, opened.file, 'unpack it first'], {
      file: opened.file,
    });
  } finally {
    opened.close();
  }
}

/** The first `length` bytes, or fewer where the file has fewer. */
function readUpTo(fd: number, length: number, file: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let done = 0;
  try {
    while (done < length) {
      const count = readSync(fd, bytes, done, length - done, done);
      if (count === 0) break;
      done += count;
    }
  } catch (error) {
    throw ioError(error, 'read the data file', file);
  }
  return bytes.subarray(0, done);
}

function readAll(fd: number, expected: number, file: string): Buffer {
  const bytes = readUpTo(fd, expected, file);
  checkUnchanged(fd, expected, bytes.length, file);
  return bytes;
}

/** A file that grows or shrinks meanwhile is one that somebody still writes. */
function checkUnchanged(fd: number, size: number, read: number, file: string): void {
  if (read !== size || fstatSync(fd).size !== size) throw changed(file);
}

function unpackHead(start: Buffer, file: string): Buffer {
  try {
    const options = {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: PACKED_HEAD * MOST_EXPANSION,
    };
    return Buffer.from(gunzipSync(start, options).subarray(0, HEAD));
  } catch (error) {
    throw damagedGzip(error, file);
  }
}

/** Stored blocks add 5 bytes to 64 KiB at most: a longer file holds more than is wanted. */
function checkPacked(size: number, expected: number, file: string): void {
  if (size > expected + expected / 1000 + PACKED_HEAD) throw tooLong(file, expected);
}

function unpackAll(packed: Buffer, expected: number, file: string): Buffer {
  let bytes: Buffer;
  try {
    // One chunk of the final size: nothing is joined or copied, and a gzip bomb stops at its first byte too many.
    bytes = gunzipSync(packed, { maxOutputLength: expected, chunkSize: Math.max(64, expected) });
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLong(file, expected);
    throw damagedGzip(error, file);
  }
  if (bytes.length !== expected) throw truncated(file, expected, bytes.length);
  return bytes;
}

function tooLong(file: string, expected: number): FusorError {
  const what = `it unpacks to more than the ${expected} bytes that its header states`;
  return new FusorError('ERR_DATA_FORMAT', [what, file, 'delete it, and fetch the file anew'], {
    file,
    expected,
  });
}

function damagedGzip(error: unknown, file: string): FusorError {
  if (systemCode(error) === 'Z_BUF_ERROR') {
    return new FusorError(
      'ERR_DATA_TRUNCATED',
      ['the gzip file ends early', file, 'delete it, and fetch the file anew'],
      { file },
      { cause: error },
    );
  }
  const why = error instanceof Error ? error.message : String(error);
  const parts = [`the gzip file is damaged (${why})`, file, 'delete it, and fetch the file anew'] as const;
  return new FusorError('ERR_DATA_FORMAT', parts, { file }, { cause: error });
}

/** ERR_DATA_TRUNCATED: the file should have `expected` bytes. */
export function truncated(file: string, expected: number, actual: number, hint = ''): FusorError {
  const what = `the file should have ${expected} bytes, it has ${actual}`;
  const mend = hint || 'delete it, and fetch the file anew';
  return new FusorError('ERR_DATA_TRUNCATED', [what, file, mend], { file, expected, actual });
}
