import {
  chmodSync,
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  openSync,
  readSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { SetupError } from './failure.mjs';
import { makeFolders } from './files.mjs';

/** Unpacks a zip whose digest was checked; refuses names that leave `folder`, links, and zip64. */
export async function unzip(archive, folder) {
  for (const entry of readDirectory(archive)) {
    const name = normalize(entry.name);
    if (name.startsWith('..') || name.startsWith('/') || entry.isLink)
      throw broken(archive, `${entry.name} leaves its folder`);
    const path = join(folder, name);
    if (entry.name.endsWith('/')) {
      makeFolders(path);
      continue;
    }
    makeFolders(dirname(path));
    const data = entry.packed
      ? createReadStream(archive, { start: entry.start, end: entry.start + entry.packed - 1 })
      : [];
    const stages = entry.method === 8 ? [data, createInflateRaw()] : [data];
    await pipeline(...stages, createWriteStream(path));
    if (entry.mode) chmodSync(path, entry.mode & 0o755);
  }
}

const broken = (archive, what) =>
  new SetupError('ERR_DATA_FORMAT', [
    `the archive cannot be unpacked: ${what}`,
    archive,
    'delete it and fetch it again',
  ]);

/** The central directory: one record an entry, at the end of the file. */
function readDirectory(archive) {
  const file = openSync(archive, 'r');
  try {
    const size = fstatSync(file).size;
    const read = (start, length) => {
      const buffer = Buffer.alloc(Math.min(length, size - start));
      readSync(file, buffer, 0, buffer.length, start);
      return buffer;
    };
    const tail = read(Math.max(0, size - 65_557), 65_557);
    const end = tail.lastIndexOf('PK\x05\x06', undefined, 'latin1');
    if (end < 0) throw broken(archive, 'it has no directory');
    const count = tail.readUInt16LE(end + 10);
    const length = tail.readUInt32LE(end + 12);
    const start = tail.readUInt32LE(end + 16);
    if (start === 0xffffffff || count === 0xffff) throw broken(archive, 'it is a zip64');

    const bytes = read(start, length);
    const entries = [];
    for (let at = 0, i = 0; i < count; i++) {
      if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50)
        throw broken(archive, 'its directory is damaged');
      const nameLength = bytes.readUInt16LE(at + 28);
      const local = bytes.readUInt32LE(at + 42);
      const packed = bytes.readUInt32LE(at + 20);
      if (local === 0xffffffff || packed === 0xffffffff)
        throw broken(archive, 'it holds a file of 4 GiB or more');
      const localHeader = read(local, 30);
      const mode = bytes.readUInt32LE(at + 38) >>> 16;
      entries.push({
        name: bytes.toString('utf8', at + 46, at + 46 + nameLength),
        method: bytes.readUInt16LE(at + 10),
        mode: mode & 0o7777,
        isLink: (mode & 0o170000) === 0o120000,
        packed,
        start: local + 30 + localHeader.readUInt16LE(26) + localHeader.readUInt16LE(28),
      });
      at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    }
    return entries;
  } finally {
    closeSync(file);
  }
}
