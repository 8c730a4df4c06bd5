#!/usr/bin/env node
// The `fusor` command: hands over to the compiled command line.
import { existsSync } from 'node:fs';
import { tooOld } from './lib/node-version.mjs';

const obstacle = tooOld();
const compiled = new URL('../dist/cli/main.js', import.meta.url);
if (obstacle) {
  process.stderr.write(`error: ${obstacle.join(' · ')} [ERR_STATE]\n`);
  process.exitCode = 2;
} else if (!folderIsThere()) {
  process.stderr.write('error: the working directory is gone · change to another one [ERR_IO]\n');
  process.exitCode = 6;
} else if (existsSync(compiled)) {
  const { main } = (await import(compiled.href)).default;
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write(
    'fusor: not set up yet · dist/ is absent · run `npm run setup` (or `npm start`) first\n',
  );
  process.exitCode = 1;
}

/** Packages that are loaded below ask for it, and would end in a stack. */
function folderIsThere() {
  try {
    return process.cwd() !== '';
  } catch {
    return false;
  }
}
