import { join } from 'node:path';
import { PINNED_NVRTC, provideNvrtc } from './fetch-nvrtc.mjs';
import { filesBelow, hashFiles, readJson } from './files.mjs';
import { buildKernelTests } from './kernel-tests.mjs';
import { root } from './paths.mjs';
import { runQuiet } from './run.mjs';

/** What every kernel takes of every architecture's GPUs: written by scripts/cuda-resources.mjs, checked by `npm test`. */
export const tablePath = join(root, 'native', 'kernels', 'cuda', 'resources.json');

/** Compute capabilities, and the most shared memory that a block may have there, in bytes. */
export const architectures = {
  sm_75: 64 * 1024,
  sm_80: 163 * 1024,
  sm_86: 99 * 1024,
  sm_89: 99 * 1024,
  sm_90a: 227 * 1024,
  sm_100: 227 * 1024,
  sm_120: 99 * 1024,
};

const REGISTERS = 65_536; // of a multiprocessor
/** The cluster's threads hold the net in their registers; some addresses that a step uses once go to memory. */
const SPILLED = { cluster: 256 };

/** The first reason why a GPU of this architecture would not run the kernel well, or null. */
export function fault({ entry, architecture, registers, spilled, shared, threads }) {
  if (registers * threads > REGISTERS) return `${registers} registers x ${threads} threads`;
  if (spilled > (SPILLED[entry] ?? 0)) return `${spilled} bytes of registers spilled`;
  if (entry !== 'cluster' && shared > architectures[architecture]) return `${shared} bytes of shared memory`;
  return null;
}

/** Of everything that the table depends on. */
export function sourcesDigest() {
  const kernels = filesBelow(join(root, 'native', 'kernels', 'cuda')).filter((file) =>
    /\.(cu|h)$/.test(file),
  );
  return hashFiles(root, kernels, [PINNED_NVRTC]);
}

export const readTable = () => readJson(tablePath);

/** Compiles for one architecture; sample: the flagship's kernels only. @returns the rows of the table */
export async function compileFor(architecture, { sample = false, env = process.env } = {}) {
  const folder = await provideNvrtc(env);
  const program = await buildKernelTests({ target: 'fusor_cuda_resources', env });
  const args = [folder, architecture, ...(sample ? ['--sample'] : [])];
  const { status, stdout, stderr } = await runQuiet(program, args, { env, timeout: 30 * 60_000 });
  if (status !== 0) throw new Error(`fusor_cuda_resources ${architecture}: ${stderr.trim()}`);
  return JSON.parse(stdout);
}

/** A row's place in the table. */
export const keyOf = ({ program, entry, architecture }) => `${architecture} ${program} ${entry}`;
