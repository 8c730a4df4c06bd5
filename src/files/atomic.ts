/**
 * Files that are whole or not there: written beside the target, flushed, renamed, and the folder flushed. A reader
 * sees the old file or the new one; a crash leaves at most a temp file, which the next save into the folder removes.
 */
import { constants, type PathLike } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ioError, systemCode } from './system-error';

/** Writes `parts` one after the other as the whole content of `file`. @throws ERR_IO; the old file is then intact */
export async function writeAtomic(
  file: string,
  ...parts: (string | NodeJS.ArrayBufferView)[]
): Promise<void> {
  const temp = tempName(file);
  try {
    await withFile(temp, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, async (handle) => {
      // writeFile on a handle goes on from its position, until everything is written. It takes any view; its type does not.
      for (const part of parts) await handle.writeFile(part as Uint8Array);
      await handle.sync();
    });
    await rename(temp, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(temp, { force: true }).catch(() => {});
    throw ioError(error, 'write', file);
  }
}

/** `.model.json.1234.tmp`: hidden, and its maker can be told. */
function tempName(file: string): string {
  return join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
}

/** Removes the temp files in `folder` whose makers are gone. Never fails: the folder may be read-only. */
export async function removeStaleTemps(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = /^\..+\.(\d+)\.tmp$/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(folder, name), { force: true }).catch(() => {});
  }
}

/** Whether there is a process of that number, perhaps another user's. */
export function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Makes renames in `folder` last through a power cut; where folders cannot be flushed (Windows) does nothing. */
export async function syncFolder(folder: string): Promise<void> {
  await withFile(folder, constants.O_RDONLY, (handle) => handle.sync()).catch((error) => {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES'].includes(systemCode(error))) throw error;
  });
}

async function withFile(
  path: PathLike,
  flags: number,
  work: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const handle = await open(path, flags, 0o666);
  try {
    await work(handle);
  } finally {
    await handle.close();
  }
}
