import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from './failure.mjs';

const OLDEST = '2.4';
const NEWEST = '2.14';

const suffix = process.platform === 'darwin' ? 'dylib' : 'so';
const libraryFile = (libDir, name) => join(libDir, `lib${name}.${suffix}`);

/** The Debian multiarch folder of this machine's libraries. */
const multiarch = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch];

/**
 * Reads what lies in `path`: an unpacked libtorch, a wheel's `torch` folder, or the folder that holds either.
 * @returns {{path, includeDirs: string[], libDir: string, libraries: string[], version: string, variant: string,
 *   cxx11abi: boolean}}
 * @throws {SetupError} naming what is missing
 */
export function inspectLibtorch(path, { include, lib } = {}) {
  const home = [path, join(path, 'torch'), join(path, 'libtorch')].find((p) =>
    existsSync(libraryFile(join(p, 'lib'), 'torch')),
  );
  const libDir = lib ?? (home ? join(home, 'lib') : join(path, 'lib'));
  const includeDir = include ?? join(home ?? path, 'include');
  return inspectParts(home ?? path, includeDir, libDir);
}

/** The system's, from a package manager: headers and libraries apart. Null when there is none. */
export function inspectSystem() {
  for (const libDir of [`/usr/lib/${multiarch}`, '/usr/lib', '/usr/local/lib']) {
    const prefix = libDir.startsWith('/usr/local') ? '/usr/local' : '/usr';
    if (existsSync(libraryFile(libDir, 'torch')))
      return inspectParts(prefix, join(prefix, 'include'), libDir);
  }
  return null;
}

function inspectParts(path, includeDir, libDir) {
  const needed = ['torch', 'torch_cpu', 'c10'].map((name) => libraryFile(libDir, name));
  for (const file of needed) {
    if (!existsSync(file)) throw unusable(`no ${file}`);
  }
  const apiDir = join(includeDir, 'torch', 'csrc', 'api', 'include');
  if (!existsSync(join(apiDir, 'torch', 'version.h'))) throw unusable(`no torch/torch.h below ${includeDir}`);

  const cuda = ['torch_cuda', 'c10_cuda']
    .map((name) => libraryFile(libDir, name))
    .filter((file) => existsSync(file));
  const [version, variant] = readVersion(path, includeDir, apiDir, cuda.length > 0);
  if (compareVersions(version, OLDEST) < 0 || compareVersions(version, NEWEST) > 0) {
    throw unusable(`it is version ${version}, and fusor supports ${OLDEST} to ${NEWEST}`);
  }
  return {
    path,
    includeDirs: [includeDir, apiDir],
    libDir,
    libraries: [...needed, ...cuda],
    version,
    variant,
    cxx11abi: readCxx11Abi(libraryFile(libDir, 'c10')),
  };
}

const unusable = (what) => new SetupError('ERR_BACKEND_UNAVAILABLE', [what]);

/** Version and variant, from version.py (wheel), build-version (archive) or the header (a distribution's package). */
function readVersion(path, includeDir, apiDir, hasCuda) {
  const text = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const python = text(join(path, 'version.py'));
  const full = /__version__ = '([^']+)'/.exec(python)?.[1] ?? text(join(path, 'build-version')).trim();
  const header =
    text(join(includeDir, 'torch', 'headeronly', 'version.h')) || text(join(apiDir, 'torch', 'version.h'));
  const number = (name) => new RegExp(`#define TORCH_VERSION_${name} (\\d+)`).exec(header)?.[1];
  const version = full.split('+')[0] || [number('MAJOR'), number('MINOR'), number('PATCH')].join('.');
  if (!/^\d+\.\d+/.test(version)) throw unusable('its version cannot be read');

  const label = full.split('+')[1] ?? '';
  if (!hasCuda) return [version, /^(rocm|xpu)/.test(label) ? label : 'cpu'];
  const cuda = /^cuda[^=]*= '(\d+)\.(\d+)'/m.exec(python);
  return [version, /^cu\d+$/.test(label) ? label : cuda ? `cu${cuda[1]}${cuda[2]}` : 'cuda'];
}

/** Numbers only: 2.13.0 against 2.14 compares 2.13 with 2.14. */
function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map((part) => Number.parseInt(part, 10)));
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i] - right[i];
  }
  return 0;
}

/**
 * Which std::string libtorch was built with. Wheels before 2.6 have the old one; a build against the wrong one links
 * and then misses symbols at load. One function that takes a string tells: its mangled name spells the type.
 */
function readCxx11Abi(c10) {
  if (process.platform !== 'linux') return true;
  const bytes = readFileSync(c10);
  if (bytes.includes('torchCheckFailEPKcS2_jRKNSt7__cxx11')) return true;
  return !bytes.includes('torchCheckFailEPKcS2_jRKSs');
}

/** What changes when a libtorch is replaced in place: size and time of each library. */
export function fingerprint(libtorch) {
  return libtorch.libraries.map((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    return [file, stat?.size ?? -1, Math.trunc(stat?.mtimeMs ?? -1)];
  });
}

/** The libtorch folders in the cache, newest version first. */
export function cachedFolders(cache) {
  if (!existsSync(cache)) return [];
  return readdirSync(cache, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^\d+\.\d+/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => compareVersions(nameOf(b), nameOf(a)));
}

const nameOf = (path) => path.slice(dirname(path).length + 1);
