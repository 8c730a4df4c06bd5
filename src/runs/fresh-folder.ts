/** Folders of their own for what a command leaves. */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { syncFolder } from '../files/atomic';
import { makeFolders } from '../files/make-folders';
import { ioError, systemCode } from '../files/system-error';

/** Makes `runs/<name>-<time>` under the working directory, or the first of -2, -3, … that is not there yet. @throws ERR_IO */
export async function freshFolder(name: string, now = new Date()): Promise<string> {
  const stamp = now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  const base = resolve('runs', `${name.replace(/[^\w.-]+/g, '-')}-${stamp}`);
  await makeFolder(dirname(base));
  for (let n = 1; ; n++) {
    const folder = n === 1 ? base : `${base}-${n}`;
    if (await makeFolder(folder, false)) return folder;
  }
}

/** @returns false when it was there already and `orThere` is not set */
export async function makeFolder(folder: string, orThere = true): Promise<boolean> {
  try {
    if (orThere) makeFolders(folder);
    else await mkdir(folder);
    await syncFolder(dirname(folder));
    return true;
  } catch (error) {
    if (!orThere && systemCode(error) === 'EEXIST') return false;
    throw ioError(error, 'make the folder', folder);
  }
}
