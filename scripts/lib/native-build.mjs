import { copyFileSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem } from 'node:os';
import { join } from 'node:path';
import { SetupError } from './failure.mjs';
import { makeFolders, readJson, writeAtomically } from './files.mjs';
import { findLibtorch } from './libtorch.mjs';
import { withLock } from './lock.mjs';
import { addonInputs } from './native-inputs.mjs';
import { addonPath, addonRecordPath, buildDir, nativeTree, root } from './paths.mjs';
import { firstError, loadError, runLogged, runQuiet, which } from './run.mjs';
import { during } from './say.mjs';

const tree = nativeTree;
const log = `${tree}.log`;

/** A file of torch headers takes the compiler 1.5 GB: as many at once as cores and memory allow. */
export const parallelJobs = () =>
  Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 1.5e9)));

/** @throws {SetupError} when the machine cannot compile */
export function checkTools(env = process.env) {
  /** By the packages that have them. */
  const tools = { cmake: ['cmake'], 'g++': ['g++', 'clang++'], make: ['ninja', 'make'] };
  const missing = Object.keys(tools).filter((name) => !tools[name].some((program) => which(program, env)));
  if (missing.length === 0) return;
  throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
    `no ${missing.map((name) => (name === 'g++' ? 'C++20 compiler' : name)).join(', no ')}`,
    'PATH',
    process.platform === 'darwin'
      ? 'run `xcode-select --install` and install cmake'
      : `install what is missing, on Debian \`apt-get install ${missing.join(' ')}\``,
  ]);
}

/**
 * Builds build/fusor.node against `libtorch` (or what `findLibtorch` finds) and records against what.
 * The new addon is loaded in a child before it takes the old one's place.
 *
 * @param {{libtorch?: string, env?: NodeJS.ProcessEnv, force?: boolean, found?: object}} options
 *   found: what findLibtorch returned, to save asking again; force: build although nothing changed
 * @returns {Promise<object>} the record, as in build/fusor.json
 */
export async function buildNative({ libtorch, env = process.env, force = false, found } = {}) {
  checkTools(env);
  const torch = found ?? (await findLibtorch({ libtorch, env }));
  return withLock(join(buildDir, '.native.lock'), async () => {
    const requested = libtorch ?? (env.LIBTORCH || null);
    const inputsHash = addonInputs(torch);
    const old = readJson(addonRecordPath);
    if (!force && existsSync(addonPath) && old?.inputsHash === inputsHash) {
      if (old.requested !== requested) writeRecord({ ...old, requested, source: torch.source });
      return readJson(addonRecordPath);
    }
    if (force || old?.path !== torch.path) rmSync(tree, { recursive: true, force: true });
    await during(
      `building the native backend against libtorch ${torch.version} (${torch.variant})`,
      () => compile(torch, { env, tree, target: 'fusor' }),
      () => buildState(log),
    );
    const built = join(tree, 'Release', 'fusor.node');
    await tryLoading(built, env);
    const temporary = `${addonPath}.${process.pid}.tmp`;
    copyFileSync(built, temporary);
    renameSync(temporary, addonPath);
    return writeRecord({
      ...torch,
      requested,
      napiVersion: 8,
      compiler: await compilerVersion(env),
      builtAt: new Date().toISOString(),
      inputsHash,
    });
  });
}

function writeRecord(record) {
  writeAtomically(addonRecordPath, `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

/**
 * Configure always: it is quick, and libtorch or the list of files may have changed.
 * @param {{env: NodeJS.ProcessEnv, tree: string, target: string, sanitize?: string}} options
 *   target: of native/CMakeLists.txt; beside `tree` lies its log
 */
export async function compile(torch, { env, tree, target, sanitize = '' }) {
  const log = `${tree}.log`;
  makeFolders(tree);
  const defines = {
    FUSOR_TORCH_INCLUDE: torch.includeDirs.join(';'),
    FUSOR_TORCH_LIBRARIES: torch.libraries.join(';'),
    FUSOR_TORCH_CXX11_ABI: torch.cxx11abi ? 1 : 0,
    FUSOR_SANITIZE: sanitize,
  };
  const options = [
    '-d',
    join(root, 'native'),
    '-O',
    tree,
    '-B',
    'Release',
    '-T',
    target,
    '-p',
    String(parallelJobs()),
  ];
  const given = Object.entries(defines).map(([name, value]) => `--CD${name}=${value}`);
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
  const run = (command, flags) =>
    runLogged(process.execPath, [cmakeJs, command, ...options, ...given], { log, flags, cwd: root, env });

  let status = await run('configure', 'w');
  if (status !== 0 && existsSync(join(tree, 'CMakeCache.txt'))) {
    // A tree from another place or another compiler cannot be reconfigured; a fresh one can.
    rmSync(tree, { recursive: true, force: true });
    makeFolders(tree);
    status = await run('configure', 'w');
  }
  if (status === 0) status = await run('build', 'a');
  if (status !== 0) {
    throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
      'the native build failed',
      firstError(log),
      `see ${log}`,
    ]);
  }
}

/** A library that aborts at load takes a child with it, not us. */
async function tryLoading(path, env) {
  const loaded = await runQuiet(process.execPath, ['-e', 'require(process.argv[1])', path], { env });
  if (loaded.status === 0) return;
  throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
    'the built addon does not load',
    loadError(loaded),
    `see ${path} and ${log}`,
  ]);
}

async function compilerVersion(env) {
  const cache = readFileSync(join(tree, 'CMakeCache.txt'), 'utf8');
  const compiler = /^CMAKE_CXX_COMPILER:[^=]*=(.*)$/m.exec(cache)?.[1] ?? 'c++';
  return (await runQuiet(compiler, ['--version'], { env })).stdout.split('\n')[0];
}

/** How far ninja (`[3/21]`) or make (`[ 14%]`) came, from the log's end. */
export function buildState(log) {
  const text = existsSync(log) ? readFileSync(log, 'utf8').slice(-4000) : '';
  return [...text.matchAll(/^\[ *(\d+%|\d+\/\d+)\]/gm)].at(-1)?.[1] ?? '';
}
