/** Members of a zip archive, in memory, with limits. Names are compared, never used as paths. */
import { crc32 } from 'node:zlib';
import { unzipSync, zipSync } from 'fflate';
import { refused } from './refused';

/** What may come out of an archive beyond its own size. */
const SLACK = 64 << 20;

/**
 * The members for which `wanted` holds; checksums are compared.
 * @param expansion how many times its own size an archive may become; default 1, of what is stored as it is
 * @throws ERR_FILE_FORMAT
 */
export function unzip(
  bytes: Uint8Array,
  file: string,
  wanted: (name: string) => boolean,
  expansion = 1,
): Map<string, Uint8Array> {
  let left = bytes.length * expansion + SLACK;
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
    if (sums.get(name) !== crc32(data))
      throw refused(file, 'digest', `the checksum of ${name} is wrong`, 'take another copy');
  }
  return found;
}

/** Nothing is compressed, as Keras and numpy do: weights would not get smaller. */
export function zip(members: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return zipSync(members, { level: 0 });
}

/** By name, of the central directory. fflate has read it already, but does not compare. */
function checksums(bytes: Uint8Array): Map<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sums = new Map<string, number>();
  let end = bytes.length - 22;
  while (end > 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  for (let at = directoryAt(view, end); at + 46 <= bytes.length; ) {
    if (view.getUint32(at, true) !== 0x02014b50) break;
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const isUtf8 = (view.getUint16(at + 8, true) & 0x800) !== 0;
    const written = Buffer.from(bytes.subarray(at + 46, at + 46 + name)).toString(isUtf8 ? 'utf8' : 'latin1');
    sums.set(written, view.getUint32(at + 16, true));
    at += 46 + name + extra + comment;
  }
  return sums;
}

/** Where the central directory begins, by the record at its end, or that of Zip64 before it. */
function directoryAt(view: DataView, end: number): number {
  const at = view.getUint32(end + 16, true);
  if (at !== 0xffffffff || end < 20 || view.getUint32(end - 20, true) !== 0x07064b50) return at;
  const record = Number(view.getBigUint64(end - 12, true));
  return record + 56 <= view.byteLength ? Number(view.getBigUint64(record + 48, true)) : at;
}
