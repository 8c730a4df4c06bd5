import { join } from 'node:path';
import { writeTree } from './script';

const suffix = process.platform === 'darwin' ? 'dylib' : 'so';

/** The names of old and new std::string in a function of libc10, as the mangled symbol spells them. */
export const C10_NEW_ABI = 'torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_string';
export const C10_OLD_ABI = 'torchCheckFailEPKcS2_jRKSs';

/** The files of an unpacked libtorch that the scripts look at; not a library that loads. */
export function libtorchFiles({ version = '2.13.0', label = 'cpu', c10 = C10_NEW_ABI, cuda = false } = {}) {
  const libraries = ['torch', 'torch_cpu', 'c10', ...(cuda ? ['torch_cuda', 'c10_cuda'] : [])];
  return {
    ...Object.fromEntries(
      libraries.map((name) => [`lib/lib${name}.${suffix}`, name === 'c10' ? `\0${c10}\0` : 'x']),
    ),
    'include/torch/csrc/api/include/torch/version.h': '#define TORCH_VERSION_MAJOR 9\n',
    'build-version': `${version}+${label}\n`,
  };
}

/** Writes such a tree. */
export function fakeLibtorch(folder: string, options: Parameters<typeof libtorchFiles>[0] = {}): string {
  return writeTree(folder, libtorchFiles(options));
}

export const libraryPath = (folder: string, name: string) => join(folder, 'lib', `lib${name}.${suffix}`);
