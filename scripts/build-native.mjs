#!/usr/bin/env node
// Builds the native backend: `npm run build:native`, binding.gyp, and, through these exports, `fusor native`.
//   node scripts/build-native.mjs [--libtorch DIR] [--force]
//   node scripts/build-native.mjs --test [--sanitize address,undefined]     what the tests run: kernels, addon
import { parseArgs } from 'node:util';
import { runMain } from './lib/failure.mjs';
import { buildKernelTests } from './lib/kernel-tests.mjs';
import { buildNative } from './lib/native-build.mjs';
import { buildTestAddon } from './lib/test-addon.mjs';

export { fetchLibtorch } from './lib/fetch-libtorch.mjs';
export { findLibtorch, searchLibtorch } from './lib/libtorch.mjs';
export { cleanNative, nativeStatus } from './lib/native-status.mjs';
export { buildKernelTests, buildNative, buildTestAddon };

async function main() {
  const { values } = parseArgs({
    options: {
      libtorch: { type: 'string' },
      force: { type: 'boolean' },
      test: { type: 'boolean' },
      sanitize: { type: 'string' },
    },
  });
  if (values.test || values.sanitize) {
    const { sanitize } = values;
    process.stdout.write(`${await buildKernelTests({ sanitize })}\n${await buildTestAddon({ sanitize })}\n`);
    return 0;
  }
  const record = await buildNative(values);
  process.stdout.write(
    `build/fusor.node · libtorch ${record.version} (${record.variant}) at ${record.path}\n`,
  );
  return 0;
}

await runMain(import.meta.url, main);
