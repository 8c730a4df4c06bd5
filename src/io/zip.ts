/** Members of a zip archive, in memory, with limits. Names are compared, never used as paths. */
import * as zlib from 'node:zlib';
import { unzipSync, zipSync } from 'fflate';
import { crc32 } from '../files/crc';
import { refused } from '../files/refused';

/** What may come out of an archive beyond its own size. */
const SLACK = 64 << 20;

/**
 * The members for which `wanted` holds; checksums are compared.
 * @throws ERR_FILE_FORMAT
 */
export function unzip(
  bytes: Uint8Array,
  file: string,
  wanted: (name: string) => boolean,
): Map<string, Uint8Array> {
  let left = bytes.length + SLACK;
  let members: Record<string, Uint8Array>;
  try {
    members = unzipSync(bytes, {
      filter: ({ name, originalSize, size, compression }) => {
        if (!wanted(name)) return false;
        left -= compression === 0 ? size : originalSize;
        if (!(left >= 0)) throw refused(file, 'size', 'its members expand too much', 'save it uncompressed');
        return true;
      },
    });
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_FILE_FORMAT') throw error;
    const why = (error as Error).message.split('\n')[0];
    throw refused(file, 'zip', `not a zip archive, or damaged: ${why}`, 'take another copy', {}, error);
  }
  const found = new Map(Object.entries(members));
  const sums = checksums(bytes);
  for (const [name, data] of found) {
    if (sums.get(name) !== crcOf(data))
      throw refused(file, 'digest', `the checksum of ${name} is wrong`, 'take another copy');
  }
  return found;
}

/** Nothing is compressed, as Keras and numpy do: weights would not get smaller. */
export function zip(members: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return zipSync(members, { level: 0 });
}

/** Node.js' own is far faster, where it has one: from 20.15 and 22.2 on. */
const crcOf = (zlib as { crc32?: (data: Uint8Array) => number }).crc32 ?? crc32;

/** By name, of the central directory. fflate has read it already, but does not compare. */
function checksums(bytes: Uint8Array): Map<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sums = new Map<string, number>();
  let end = bytes.length - 22;
  while (end > 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  for (let at = view.getUint32(end + 16, true); at + 46 <= bytes.length; ) {
    if (view.getUint32(at, true) !== 0x02014b50) break;
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const written = Buffer.from(bytes.subarray(at + 46, at + 46 + name)).toString();
    sums.set(written, view.getUint32(at + 16, true));
    at += 46 + name + extra + comment;
  }
  return sums;
}
