#!/usr/bin/env node
// dist/ from src/, when src/ changed: `npm run build`, and what setup.mjs does first.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { runMain, SetupError } from './lib/failure.mjs';
import { filesBelow, hashFiles, isStamped, readJson, writeAtomically } from './lib/files.mjs';
import { buildDir, root } from './lib/paths.mjs';
import { firstError, runLogged } from './lib/run.mjs';
import { during } from './lib/say.mjs';

const source = join(root, 'src');
const dist = join(root, 'dist');
const typescript = join(root, 'node_modules', 'typescript');
const assemblyscript = join(root, 'node_modules', 'assemblyscript');
const stamp = join(buildDir, 'typescript.stamp');

/** What dist/ is made of, as one hash, and the files that it must hold. */
function wanted() {
  const files = filesBelow(source).filter((file) => file.endsWith('.ts'));
  const versions = [typescript, assemblyscript].map((one) => readJson(join(one, 'package.json'))?.version);
  return {
    hash: hashFiles(root, [join(root, 'tsconfig.json'), ...files], versions),
    assembly: files.filter(isAssembly),
    outputs: files.map((file) => join(dist, outputOf(file))),
  };
}

/** Folders called assembly/ hold AssemblyScript, which becomes WebAssembly beside what uses it. */
const isAssembly = (file) => basename(dirname(file)) === 'assembly';

/** What a source becomes, within dist/. */
function outputOf(file) {
  const path = relative(source, file);
  if (isAssembly(file)) return join(dirname(path), '..', `${basename(path, '.ts')}.wasm`);
  return path.replace(/\.ts$/, '.js');
}

/** Whether dist/ is what src/ says. */
export function isCompiled({ hash, outputs } = wanted()) {
  return isStamped(stamp, hash) && outputs.every((file) => existsSync(file));
}

/** Into dist/ when src/ changed. It compiles beside dist/ and swaps: an interrupted run leaves the old one. */
export async function compileTypeScript(env = process.env) {
  const sources = wanted();
  if (isCompiled(sources)) return;

  mkdirSync(buildDir, { recursive: true });
  // What a killed run left: the setup lock is ours.
  for (const name of readdirSync(buildDir).filter((one) => one.startsWith('dist-'))) {
    rmSync(join(buildDir, name), { recursive: true, force: true });
  }
  const temporary = mkdtempSync(join(buildDir, 'dist-'));
  try {
    await during('compiling TypeScript', () =>
      Promise.all([
        compile('tsc', [join(typescript, 'bin', 'tsc'), '-p', root, '--outDir', temporary], env),
        ...sources.assembly.map((file) => compile('asc', assemblyArgs(file, temporary), env)),
      ]),
    );
    // mkdtemp keeps it to its maker; who installs is often not who runs.
    chmodSync(temporary, 0o777 & ~process.umask());
    if (existsSync(dist)) renameSync(dist, `${temporary}-old`);
    renameSync(temporary, dist);
  } finally {
    for (const folder of [temporary, `${temporary}-old`]) rmSync(folder, { recursive: true, force: true });
  }
  writeAtomically(stamp, sources.hash);
}

/** Memory is the caller's to lay out, so nothing is allocated or checked at run time. */
function assemblyArgs(file, folder) {
  const options = ['-O3', '--enable', 'simd', '--runtime', 'stub', '--noAssert', '--use', 'abort='];
  return [join(assemblyscript, 'bin', 'asc.js'), file, '--outFile', join(folder, outputOf(file)), ...options];
}

async function compile(name, args, env) {
  const log = join(buildDir, `${name}.log`);
  if ((await runLogged(process.execPath, args, { log, cwd: root, env })) === 0) return;
  throw new SetupError('ERR_STATE', [
    'TypeScript does not compile',
    firstError(log),
    `mend src/, or see ${log}`,
  ]);
}

await runMain(import.meta.url, async () => {
  await compileTypeScript();
  return 0;
});
