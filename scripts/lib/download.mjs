import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SetupError } from './failure.mjs';
import { makeFolders } from './files.mjs';

const DISK = ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT', 'EISDIR', 'ENOTDIR'];
const DISK_CURE = 'make room on the disk, or choose a folder that you may write';

/**
 * Downloads `url` to `target`, of which the sha256 is known. The bytes go to `target.part`, which a later call
 * continues after a broken connection; `target` appears only when the digest is right.
 *
 * @param {{sha256: string, digest?: (path: string) => Promise<string>, magic?: Buffer, idle?: number, most?: number, attempts?: number, cure?: string,
 *   progress?: (received: number, total: number | null) => void}} options
 *   digest: of what the sha256 is, by default of the file; magic: the first bytes of a right answer; most: bytes that it may
 *   have; idle: ms without a byte before giving up; cure: what to do where the network fails
 */
export async function download(
  url,
  target,
  {
    sha256,
    digest = sha256Of,
    magic,
    idle = 30_000,
    most,
    attempts = 3,
    progress = () => {},
    cure = 'check the network or proxy, or download it by hand and set LIBTORCH to the unpacked folder',
  },
) {
  makeFolders(dirname(target));
  const part = `${target}.part`;
  for (let anew = false; ; anew = true) {
    const continued = await receiveAll(url, part, attempts, { magic, idle, most, progress, cure });
    const got = await digest(part).catch(({ message }) => `not to be had (${message})`);
    if (got === sha256) break;
    rmSync(part);
    // Its beginning may have come from elsewhere, where the same was packed in another way.
    if (continued && !anew) continue;
    throw new SetupError('ERR_DATA_DIGEST', [
      `the download has sha256 ${got}, expected ${sha256}`,
      url,
      'it was discarded; try again, or another network: something changed it on the way',
    ]);
  }
  renameSync(part, target);
}

/** @returns whether it went on from a beginning that was there */
async function receiveAll(url, part, attempts, options) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await receive(url, part, options);
    } catch (error) {
      if (!error.retry || attempt >= attempts) throw error;
    }
  }
}

async function receive(url, part, { magic, idle, progress, cure, most = Number.POSITIVE_INFINITY }) {
  const netError = (what, cause) => new SetupError('ERR_NET', [what, url, cure], { cause });
  /** Broken on the way: worth another attempt, from where it broke. */
  const retryable = (what, cause) => Object.assign(netError(what, cause), { retry: true });
  let have = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  if (have >= magic?.length && !head(part, magic.length).equals(magic)) {
    // A page, perhaps, that broke off: no beginning of the file.
    rmSync(part);
    have = 0;
  }
  const stalled = new AbortController();
  let timer = setTimeout(() => stalled.abort(), idle);
  let start = 0;
  try {
    const response = await fetch(url, {
      headers: have ? { range: `bytes=${have}-` } : {},
      signal: stalled.signal,
    });
    if (response.status === 416) {
      // What we have is longer than what there is: not a beginning of it.
      rmSync(part);
      throw retryable('the server has less than an earlier download left behind');
    }
    if (!response.ok) throw netError(`the server answered ${response.status} ${response.statusText}`.trim());
    start = response.status === 206 ? have : 0;
    const length = response.headers.get('content-length');
    const total = length === null ? null : start + Number(length);

    let received = start;
    const count = async function* (chunks) {
      for await (const chunk of chunks) {
        clearTimeout(timer);
        timer = setTimeout(() => stalled.abort(), idle);
        received += chunk.length;
        if (received > most)
          throw Object.assign(netError(`it sends more than ${most} bytes, which no such file has`), {
            discard: true,
          });
        progress(received, total);
        yield chunk;
      }
    };
    const file = createWriteStream(part, { flags: start ? 'a' : 'w' });
    // What is still on its way to the disk when the connection breaks counts, too: the next attempt goes on behind it.
    const closed = new Promise((done) => file.once('close', done));
    await pipeline(Readable.fromWeb(response.body), count, file).finally(() => closed);
    if (total !== null && received !== total) throw retryable(`it ended after ${received} of ${total} bytes`);
  } catch (error) {
    if (error.discard) rmSync(part, { force: true });
    if (error instanceof SetupError) throw error;
    // Of the file, not of the server: no other server is better.
    if (DISK.includes(error.code))
      throw new SetupError('ERR_IO', [`cannot write (${error.code})`, part, DISK_CURE]);
    const reason = stalled.signal.aborted
      ? `nothing came for ${idle / 1000} s`
      : (error.cause?.message ?? error.message);
    throw retryable(reason, error);
  } finally {
    clearTimeout(timer);
  }
  if (magic && !head(part, magic.length).equals(magic)) {
    const page = /^\s*</.test(head(part, 64).toString('latin1'));
    rmSync(part);
    throw netError(
      page
        ? 'the server answered with a web page, not the file'
        : 'the server answered with another kind of file',
    );
  }
  return start > 0;
}

function head(path, bytes) {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(bytes);
    return buffer.subarray(0, readSync(file, buffer, 0, bytes, 0));
  } finally {
    closeSync(file);
  }
}

export async function sha256Of(path) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}
