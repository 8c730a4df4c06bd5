import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from './system-error';

export const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/**
 * Makes a folder, and those above it, unless it is there. Node.js' own `recursive` goes on for ever where the system says of a folder
 * that is there that it is not, as it does for one in /proc.
 * @throws what the system says
 */
export function makeFolders(folder: string): void {
  if (isFolder(folder)) return;
  const above = dirname(folder);
  if (above !== folder) makeFolders(above);
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have been faster.
    if (systemCode(error) !== 'EEXIST' || !isFolder(folder)) throw error;
  }
}
