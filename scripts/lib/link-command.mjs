import { existsSync, lstatSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';

/** node_modules/.bin/fusor: what `npx fusor` looks for in a checkout, as npm makes it for packages that depend on fusor. */
export function linkCommand() {
  const folder = join(root, 'node_modules', '.bin');
  const link = join(folder, 'fusor');
  if (!existsSync(folder) || lstatSync(link, { throwIfNoEntry: false })) return;
  symlinkSync('../../scripts/fusor.mjs', link);
}
