import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolders } from './files.mjs';
import { withLock } from './lock.mjs';

/**
 * Does `work(folder)` in an empty folder beside where its result will lie, so that a rename makes it whole or not at
 * all, while this process alone holds the lock of `parent`. The folder is gone afterwards, however it ended.
 */
export async function inStaging(parent, work) {
  makeFolders(parent);
  return withLock(join(parent, '.lock'), async () => {
    // The lock is ours: what others left here is from the dead.
    for (const name of readdirSync(parent))
      if (name.startsWith('tmp-')) rmSync(join(parent, name), { recursive: true });
    const folder = mkdtempSync(join(parent, 'tmp-'));
    const remove = () => rmSync(folder, { recursive: true, force: true });
    process.once('exit', remove);
    try {
      return await work(folder);
    } finally {
      process.off('exit', remove);
      remove();
    }
  });
}
