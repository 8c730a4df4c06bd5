/**
 * One process at a time in a folder. The lock is a file that names its holder; that of a process which is gone is
 * taken over, so nobody ever has to delete one, but on a disk shared with another machine.
 */
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { FusorError } from '../errors';
import { isAlive } from './atomic';
import { ioError, READ_FLAGS, systemCode } from './system-error';

export const LOCK_FILE = 'lock';

interface Holder {
  pid: number;
  /** When it started, in the kernel's ticks, where that can be known: numbers of processes come again. */
  started: string | null;
  host: string;
}

/** Of this process: a lock of ours that is not among them is an old one, from before a reboot. */
const held = new Set<string>();
let made = 0;

/**
 * Locks `folder`, which exists.
 * @returns the release: idempotent, never fails
 * @throws ERR_LOCKED naming the holder, ERR_IO
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const lock = join(resolve(folder), LOCK_FILE);
  if (held.has(lock)) throw locked(folder, lock, me());
  held.add(lock);
  try {
    await acquire(lock, folder);
  } catch (error) {
    held.delete(lock);
    throw error instanceof FusorError ? error : ioError(error, 'lock the folder', folder);
  }
  return async () => {
    if (held.delete(lock)) await rm(lock, { force: true }).catch(() => {});
  };
}

async function acquire(lock: string, folder: string): Promise<void> {
  const mine = join(folder, `.${LOCK_FILE}-${made++}.${process.pid}.tmp`);
  try {
    await writeFile(mine, `${JSON.stringify(me())}\n`, { flag: 'wx' });
    // A link is made whole or not at all, and by one process only.
    if (await linked(mine, lock)) return;
    const holder = await holderOf(lock);
    if (holder && isThere(holder)) throw locked(folder, lock, holder);
    // Of those who find the old lock, one at a time replaces it, and only while it is still the old one.
    const takeover = `${lock}-takeover`;
    if (!(await linked(mine, takeover))) {
      const other = await holderOf(takeover);
      if (other && isThere(other)) throw locked(folder, lock, other);
      await rm(takeover, { force: true });
      if (!(await linked(mine, takeover))) throw locked(folder, lock, await holderOf(takeover));
    }
    try {
      const now = await holderOf(lock);
      if (now && isThere(now)) throw locked(folder, lock, now);
      await rename(mine, lock);
    } finally {
      await rm(takeover, { force: true });
    }
  } finally {
    await rm(mine, { force: true }).catch(() => {});
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Undefined where the lock is gone, or says nothing: it was never finished, on a disk that lost it. */
async function holderOf(lock: string): Promise<Holder | undefined> {
  try {
    const { pid, started, host } = JSON.parse(await readFile(lock, { encoding: 'utf8', flag: READ_FLAGS }));
    return Number.isSafeInteger(pid) && pid > 0 ? { pid, started, host } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function me(): Holder {
  return { pid: process.pid, started: startOf(process.pid), host: hostname() };
}

function isThere({ pid, started, host }: Holder): boolean {
  if (host !== hostname()) return true;
  // Ours but not held: that of another thread, or of a process that had our number before.
  if (pid === process.pid) return started !== null && started === startOf(pid);
  if (!isAlive(pid)) return false;
  const now = startOf(pid);
  return started === null || now === null || started === now;
}

/** Field 22 of /proc/PID/stat, and whether the process is more than a zombie. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'gone' : fields[19];
  } catch {
    return null;
  }
}

function locked(folder: string, lock: string, holder: Holder | undefined): FusorError {
  const { pid = null, host = '' } = holder ?? {};
  const elsewhere = holder !== undefined && host !== hostname();
  return new FusorError(
    'ERR_LOCKED',
    [
      `process ${pid}${elsewhere ? ` on ${host}` : ''} is training here`,
      folder,
      elsewhere
        ? `wait for its end; if it is gone, delete ${lock}`
        : 'wait for its end, or name another folder',
    ],
    { folder, pid, host },
  );
}
