/** What is measured on a GPU: the flagship and a large net beside PyTorch and JAX, and what a step of ours is made of. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { buildDir, root } from '../lib/paths.mjs';
import { dry, kinds, left, measured } from './options.mjs';
import { fusor, json, program, trainNet } from './program.mjs';

const peers = join(root, 'scripts', 'bench', 'peers');
const pytorch = (mode, ...args) => {
  const device = dry ? ['--device', 'cpu'] : [];
  return json('python3', [join(peers, 'pytorch_cuda.py'), mode, ...args, ...device]);
};

/** @param begin the first round of it @param end before which it ends */
export async function flagship(begin, end) {
  const ways = flagshipWays(await mnistFolder());
  // Compiling kernels is not training: the peers do it before they are timed, ours are kept from an epoch before.
  for (const [way, run] of begin > 0 ? [] : Object.entries(ways)) {
    if (way.startsWith('fusor') && measured(way)) await run('1');
  }
  const rows = [];
  for (let round = begin; round < end; round++) {
    for (const [way, run] of Object.entries(ways)) {
      if (!measured(way)) continue;
      if (left() < 20) break;
      rows.push({ way, round, ...(await run(dry ? '1' : '10')) });
    }
  }
  return rows;
}

/** By name: what trains so many epochs. */
function flagshipWays(mnist) {
  const ours = (kernels, more) => (epochs) => trainFlagship(kernels, epochs, more);
  const theirs = (mode) => () => pytorch(mode, mnist, '--epochs', dry ? '1' : '2');
  const jax = (epochs) => {
    const args = [mnist, '--epochs', epochs, '--threads', String(availableParallelism())];
    return json('python3', [join(peers, 'jax_scan.py'), ...args], {
      more: { JAX_DEFAULT_MATMUL_PRECISION: 'highest' },
    });
  };
  if (dry) return { 'fusor framework': ours('framework'), 'PyTorch eager': theirs('eager') };
  return {
    'fusor fused': ours('fused'),
    'fusor framework': ours('framework'),
    'fusor fused, grid': ours('fused', { FUSOR_CUDA_STEPS: 'grid' }),
    'fusor fused, graph': ours('fused', { FUSOR_CUDA_STEPS: 'graph' }),
    'PyTorch eager': theirs('eager'),
    'PyTorch compile': theirs('compile'),
    'PyTorch graphs': theirs('graphs'),
    'JAX scan': jax,
  };
}

async function trainFlagship(kernels, epochs, more) {
  const flags = {
    backend: 'native',
    device: 'cuda',
    kernels,
    epochs,
    seed: '7',
    'run-dir': join(buildDir, 'gpu-runs', `${kernels}-${Date.now()}`),
    fallback: 'never',
    checkpoint: 'none',
    ...(dry && { limit: '2000' }),
  };
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const { timing, test, failed, errors, backend } = await fusor(['train', ...words, '--quiet'], { more });
  return failed ? { failed, errors } : { ...timing, testAccuracy: test.accuracy, backend };
}

/** MNIST's files as the peers read them: unpacked, under their own names. */
async function mnistFolder() {
  const folder = join(buildDir, 'gpu-mnist');
  const unpack = `
    const { gunzipSync } = require('node:zlib'), fs = require('node:fs'), path = require('node:path');
    const { findDataset, locateDataset } = require('./dist/data/registry');
    const from = locateDataset(findDataset('mnist'), {});
    fs.mkdirSync(process.argv[1], { recursive: true });
    for (const name of fs.readdirSync(from).filter((name) => /ubyte/.test(name))) {
      const bytes = fs.readFileSync(path.join(from, name));
      const plain = bytes[0] === 0x1f ? gunzipSync(bytes) : bytes;
      fs.writeFileSync(path.join(process.argv[1], name.replace(/\\.gz$/, '').replace('.idx', '-idx')), plain);
    }`;
  await program(process.execPath, ['-e', unpack, folder]);
  return folder;
}

export async function large() {
  const widths = dry ? [64, 64, 64] : [4096, 4096, 4096];
  const batchSize = dry ? 32 : 8192;
  const steps = dry ? 3 : 24;
  const shape = ['--net', widths.join('-'), '--batch-size', String(batchSize), '--steps', String(steps)];
  const mode = dry ? 'eager' : 'compile';
  const rows = [];
  const measure = async (way, precision, run) => {
    if (measured(way)) rows.push({ way, precision, ...(await run()) });
  };
  for (const precision of dry ? ['fp32'] : ['bf16', 'tf32', 'fp32']) {
    for (const kernels of precision === 'fp32' ? kinds : ['framework'])
      await measure(`fusor ${kernels}`, precision, () =>
        trainNet({ kernels, precision, widths, batchSize, steps }),
      );
    await measure(`PyTorch ${mode}`, precision, () => pytorch(mode, '-', ...shape, '--precision', precision));
  }
  return rows;
}

/** What stamping costs, whether what is stamped adds up to a step, and what the step is made of. */
export async function profile() {
  return {
    variants: await profileOf(kinds),
    ...(!dry && {
      grid: await profileOf(['fused'], { FUSOR_CUDA_STEPS: 'grid' }),
      graph: await profileOf(['fused'], { FUSOR_CUDA_STEPS: 'graph' }),
    }),
  };
}

async function profileOf(kernels, more = {}) {
  const names = kernels.map((name) => `native:${name}@cuda:0`).join(',');
  const few = dry ? ['--limit', '2000', '--rounds', '2'] : ['--rounds', '9'];
  const flags = ['--variants', names, '--seed', '7', '--epochs', '0', ...few];
  const { variants, ceilings, failed, errors } = await fusor(['profile', ...flags], { more });
  if (failed) return { failed, errors };
  const rows = variants.map(({ name, ranOn, step, stampingCost, coverage, ops }) => {
    const told = ops.map((op) => ({
      name: op.name,
      calls: op.calls,
      micros: op.self.median,
      ofCeiling: op.ofCeiling,
    }));
    return { name, ranOn, stepMicroseconds: step.median, stampingCost, coverage, ops: told };
  });
  return { ceilings, rows };
}
