#!/usr/bin/env node
// Writes native/kernels/cuda/resources.json: what NVRTC says that every CUDA kernel takes, for every architecture. Takes
// minutes; needs no GPU. To be run after a change of native/kernels/cuda.
import { architectures, compileFor, fault, keyOf, sourcesDigest, tablePath } from './lib/cuda-resources.mjs';
import { runMain } from './lib/failure.mjs';
import { PINNED_NVRTC } from './lib/fetch-nvrtc.mjs';
import { writeAtomically } from './lib/files.mjs';
import { say } from './lib/say.mjs';

await runMain(import.meta.url, async () => {
  const rows = [];
  for (const architecture of Object.keys(architectures)) {
    const some = await compileFor(architecture);
    say(`${architecture}: ${some.length} kernels`);
    rows.push(...some);
  }
  const faults = rows.filter(fault).map((row) => `${keyOf(row)}: ${fault(row)}`);
  for (const line of faults) say(line);
  const lines = rows.map((row) => `  ${JSON.stringify(row)}`).join(',\n');
  writeAtomically(
    tablePath,
    `{"nvrtc":"${PINNED_NVRTC}","sources":"${sourcesDigest()}","kernels":[\n${lines}\n]}\n`,
  );
  return faults.length ? 1 : 0;
});
