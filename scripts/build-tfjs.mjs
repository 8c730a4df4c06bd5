#!/usr/bin/env node
// Sets up TensorFlow behind tfjs: for `npm test`, and, through these exports, for `fusor tfjs`.
//   node scripts/build-tfjs.mjs [--gpu] [--tensorflow DIR] [--force]
import { parseArgs } from 'node:util';
import { runMain } from './lib/failure.mjs';
import { describeTensorflow } from './lib/inspect-tensorflow.mjs';
import { buildTfjs } from './lib/tfjs-build.mjs';

export { installTfjs } from './lib/tfjs-install.mjs';
export { cleanTfjs, tfjsStatus } from './lib/tfjs-status.mjs';
export { buildTfjs, describeTensorflow };

await runMain(import.meta.url, async () => {
  const { values } = parseArgs({
    options: { gpu: { type: 'boolean' }, tensorflow: { type: 'string' }, force: { type: 'boolean' } },
  });
  const record = await buildTfjs(values);
  process.stdout.write(`${record.binding} · ${describeTensorflow(record)}\n`);
  return 0;
});
