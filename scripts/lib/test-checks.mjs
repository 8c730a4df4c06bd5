import { join } from 'node:path';
import { architectures, compileFor, fault, keyOf, readTable, sourcesDigest } from './cuda-resources.mjs';
import { skipsNative } from './environment.mjs';
import { SetupError } from './failure.mjs';
import { provideNvrtc } from './fetch-nvrtc.mjs';
import { buildKernelTests } from './kernel-tests.mjs';
import { buildDir, root } from './paths.mjs';
import { runShown } from './run.mjs';

const skipped = (reason) => ({ passed: 0, failed: 0, skipped: 1, reasons: [reason] });

const count = (status) => ({ passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 });

/** A tool of node_modules that passes or fails as a whole: one test. */
const tool = (name, program, args) => ({
  name,
  run: async () =>
    count(
      (await runShown(process.execPath, [join(root, 'node_modules', program), ...args], { cwd: root }))
        .status,
    ),
});

/** The checks beside jest, the longest first. Each: `run() → {passed, failed, skipped, reasons?, figures?}`. */
export const checks = [
  { name: 'cuda', run: unlessSkipped('cuda', runCudaTests) },
  tool('lint', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']),
  tool('types', 'typescript/bin/tsc', ['-p', 'test/tsconfig.json', '--noEmit']),
  tool('publint', 'publint/src/cli.js', ['run', '--strict', '--pack', 'npm']),
  { name: 'kernels', run: unlessSkipped('kernels', runKernelTests) },
  { name: 'cuda-resources', run: unlessSkipped('cuda-resources', checkResources) },
];

/** @returns a check that FUSOR_SKIP_NATIVE leaves out */
function unlessSkipped(name, run) {
  return () => (skipsNative() ? skipped(`${name}: FUSOR_SKIP_NATIVE is set`) : run());
}

/** The C++ kernel tests. */
async function runKernelTests() {
  return runCounted('kernels', await buildKernelTests(), []);
}

/** A C++ test program, whose last line counts as ours does. */
async function runCounted(name, program, args) {
  const { status, output } = await runShown(program, args, { cwd: buildDir });
  const last = /^(\d+) passed, (\d+) failed, (\d+) skipped$/.exec(output.trimEnd().split('\n').at(-1) ?? '');
  if (!last) return count(1);
  const [passed, failed, left] = last.slice(1).map(Number);
  const reasons = [...output.matchAll(/^skipped: (.+)$/gm)].map(([, reason]) => `${name}: ${reason}`);
  const figures = [
    { name: `${name === 'cuda' ? 'CUDA trainings on the CPU' : 'kernel cases'}`, count: passed },
  ];
  return { passed, failed: failed || (status === 0 ? 0 : 1), skipped: left, reasons, figures };
}

/** The CUDA kernels' own source on the CPU, against float64. */
async function runCudaTests() {
  const program = await buildKernelTests({ target: 'fusor_cuda_test' });
  return runCounted('cuda', program, [join(buildDir, 'cuda-emulated')]);
}

/** The table of what the CUDA kernels take of GPUs: of these sources, within limits, and what NVRTC says of the flagship's. */
async function checkResources() {
  try {
    await provideNvrtc();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return skipped(`cuda-resources: no NVRTC: ${error.message}`);
  }
  const faults = [];
  const table = readTable();
  const cure = 'run `node scripts/cuda-resources.mjs`';
  if (table?.sources !== sourcesDigest())
    faults.push(`native/kernels/cuda/resources.json is of other sources: ${cure}`);
  const rows = new Map(table?.kernels.map((row) => [keyOf(row), row]));
  for (const row of rows.values()) if (fault(row)) faults.push(`${keyOf(row)}: ${fault(row)}`);
  let compiled = 0;
  for (const architecture of Object.keys(architectures)) {
    if (![...rows.values()].some((row) => row.architecture === architecture))
      faults.push(`${architecture} is not in the table: ${cure}`);
    for (const row of await compileFor(architecture, { sample: true })) {
      compiled++;
      const known = JSON.stringify(rows.get(keyOf(row)));
      if (known !== JSON.stringify(row))
        faults.push(`${keyOf(row)}: ${JSON.stringify(row)}, in the table ${known}: ${cure}`);
    }
  }
  for (const line of faults) process.stderr.write(`${line}\n`);
  const figures = [{ name: 'CUDA kernels compiled for an architecture', count: compiled }];
  return { passed: compiled, failed: faults.length, skipped: 0, figures };
}
