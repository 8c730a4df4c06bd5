import { accessSync, constants, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolders, readJson } from './files.mjs';
import { say } from './say.mjs';

/**
 * Does `work` while this process alone holds the lock file `path`; waits for a living holder, takes over from a dead one. On a
 * read-only file system without the lock: nobody can set up there, and what is finished is found so.
 */
export async function withLock(path, work) {
  if (isReadOnly(dirname(path))) return work();
  makeFolders(dirname(path));
  for (let waits = 0; !tryLock(path); waits++) {
    if (waits === 0)
      say(`fusor: process ${readJson(path)?.pid ?? '?'} is setting up too; waiting for it (${path})`);
    await sleep(200);
  }
  const release = () => rmSync(path, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

function isReadOnly(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return false;
  } catch ({ code }) {
    return ['EROFS', 'EACCES'].includes(code);
  }
}

function tryLock(path) {
  const mine = `${path}.${process.pid}`;
  // Written first, then linked: the lock never exists without its content.
  writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }));
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const holder = readJson(path);
    if (holder && !isAlive(holder)) breakLock(path, holder);
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Moves a dead holder's lock away; puts it back when another process was quicker and the lock is a living one's. */
function breakLock(path, dead) {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
    if (readJson(aside)?.pid !== dead.pid) linkSync(aside, path);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function isAlive({ pid, started }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  const now = startOf(pid);
  return started === null || now === null || now === started;
}

/** When a process started, in clock ticks since boot (Linux), so that a reused pid is not taken for the holder. */
function startOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[19];
  } catch {
    return null;
  }
}
