#!/usr/bin/env node
// Sets up what is missing, and only that: dependencies, dist/, the native backend. `npm start` and `npm test` run it first.
//   node scripts/setup.mjs [--test]      --test adds what the tests need and makes every failure fail
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileTypeScript } from './build-typescript.mjs';
import { skipsNative } from './lib/environment.mjs';
import { runMain, SetupError } from './lib/failure.mjs';
import { installDependencies } from './lib/install-dependencies.mjs';
import { buildKernelTests } from './lib/kernel-tests.mjs';
import { linkCommand } from './lib/link-command.mjs';
import { withLock } from './lib/lock.mjs';
import { tooOld } from './lib/node-version.mjs';
import { buildDir, root } from './lib/paths.mjs';
import { setUpNative } from './lib/setup-native.mjs';
import { setUpTfjs } from './lib/setup-tfjs.mjs';
import { buildTestAddon } from './lib/test-addon.mjs';

await runMain(import.meta.url, async () => {
  const { values } = parseArgs({ options: { test: { type: 'boolean' } } });
  const obstacle = tooOld();
  if (obstacle) throw new SetupError('ERR_STATE', obstacle);
  return withLock(join(buildDir, '.setup.lock'), async () => {
    await installDependencies();
    linkCommand();
    await compileTypeScript();
    await setUpNative({ strict: values.test });
    if (values.test) await setUpTfjs();
    if (values.test && !skipsNative() && existsSync(join(root, 'native', 'test'))) {
      await buildKernelTests();
      await buildTestAddon();
    }
    return 0;
  });
});
