import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Every file below `folder`, sorted, as full paths; folders named in `without` (relative) are left out. */
export function filesBelow(folder, without = []) {
  const found = [];
  const visit = (current) => {
    for (const entry of readdirSync(current, { withFileTypes: true })) {
      const path = join(current, entry.name);
      if (without.includes(relative(folder, path))) continue;
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) found.push(path);
    }
  };
  visit(folder);
  return found.sort();
}

/** sha256 over names and contents: a touched file that did not change rebuilds nothing. */
export function hashFiles(base, paths, extra = []) {
  const hash = createHash('sha256');
  for (const path of paths) {
    const bytes = readFileSync(path);
    hash.update(`${relative(base, path)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.update(JSON.stringify(extra)).digest('hex');
}

/** Whether a stamp, which says of what something was made, says this. */
export const isStamped = (stamp, inputs) => existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs;

/** The file's JSON, or null when it is absent or broken. */
export function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** Beside the target, then renamed: a reader sees the old file or the new one, never half of one. */
export function writeAtomically(path, content) {
  makeFolders(dirname(path));
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/**
 * Makes a folder, and those above it. Node.js' own `recursive` goes on for ever where the system says of a folder that is there that it
 * is not, as it does for one in /proc.
 */
export function makeFolders(folder) {
  const isThere = () => statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isThere()) return;
  const above = dirname(folder);
  if (above !== folder) makeFolders(above);
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have been faster.
    if (error.code !== 'EEXIST' || !isThere()) throw error;
  }
}
