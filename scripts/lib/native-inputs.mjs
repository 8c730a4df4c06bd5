import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, hashFiles, readJson } from './files.mjs';
import { fingerprint } from './inspect-libtorch.mjs';
import { root } from './paths.mjs';

const native = join(root, 'native');
const scripts = ['build-native.mjs', 'lib/native-build.mjs'].map((name) => join(root, 'scripts', name));

/** What fusor.node is made of, as one hash: sources, the scripts that build it, node-addon-api, this libtorch. */
export function addonInputs(libtorch) {
  const sources = filesBelow(native, ['test']).filter((file) => !file.endsWith('.md'));
  const files = [...sources, ...scripts].filter((file) => existsSync(file));
  const { includeDirs, cxx11abi, version, variant } = libtorch;
  return hashFiles(root, files, [
    napiVersion(),
    fingerprint(libtorch),
    includeDirs,
    cxx11abi,
    version,
    variant,
    process.arch,
  ]);
}

/** What the kernel tests are made of. */
export function kernelTestInputs(extra = []) {
  const folders = ['kernels', 'cuda', 'engine', 'bench', 'test', 'cmake']
    .map((name) => join(native, name))
    .filter((folder) => existsSync(folder));
  const files = [join(native, 'CMakeLists.txt'), ...folders.flatMap((folder) => filesBelow(folder))];
  return hashFiles(root, files, [process.arch, ...extra]);
}

const napiVersion = () =>
  readJson(join(root, 'node_modules', 'node-addon-api', 'package.json'))?.version ?? null;
