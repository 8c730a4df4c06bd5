import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where package.json stands: one folder above the compiled code. */
export const packageRoot = join(__dirname, '..');

/** fusor's version. */
export const version: string = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version;
