#!/usr/bin/env node
// The `fusor` command: hands over to the compiled command line.
import { existsSync } from 'node:fs';

const compiled = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(compiled)) {
  const { main } = (await import(compiled.href)).default;
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write(
    'fusor: not set up yet · dist/ is absent · run `npm run setup` (or `npm start`) first\n',
  );
  process.exitCode = 1;
}
