import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SetupError } from './failure.mjs';
import { filesBelow, hashFiles, readJson, writeAtomically } from './files.mjs';
import { buildDir, root } from './paths.mjs';
import { firstError, runLogged } from './run.mjs';
import { during } from './say.mjs';

const source = join(root, 'src');
const dist = join(root, 'dist');
const typescript = join(root, 'node_modules', 'typescript');
const stamp = join(buildDir, 'typescript.stamp');

/** What dist/ is made of, as one hash, and the files that it must hold. */
function wanted() {
  const files = filesBelow(source).filter((file) => file.endsWith('.ts'));
  const version = readJson(join(typescript, 'package.json'))?.version;
  return {
    hash: hashFiles(root, [join(root, 'tsconfig.json'), ...files], [version]),
    outputs: files.map((file) => join(dist, relative(source, file).replace(/\.ts$/, '.js'))),
  };
}

/** Whether dist/ is what src/ says. */
export function isCompiled({ hash, outputs } = wanted()) {
  return (
    existsSync(stamp) && readFileSync(stamp, 'utf8') === hash && outputs.every((file) => existsSync(file))
  );
}

/** `tsc` into dist/ when src/ changed. It compiles beside dist/ and swaps: an interrupted run leaves the old one. */
export async function compileTypeScript(env = process.env) {
  const sources = wanted();
  if (isCompiled(sources)) return;

  const log = join(buildDir, 'tsc.log');
  mkdirSync(buildDir, { recursive: true });
  // What a killed run left: the setup lock is ours.
  for (const name of readdirSync(buildDir).filter((one) => one.startsWith('dist-'))) {
    rmSync(join(buildDir, name), { recursive: true, force: true });
  }
  const temporary = mkdtempSync(join(buildDir, 'dist-'));
  try {
    const args = [join(typescript, 'bin', 'tsc'), '-p', root, '--outDir', temporary];
    const status = await during('compiling TypeScript', () =>
      runLogged(process.execPath, args, { log, cwd: root, env }),
    );
    if (status !== 0) {
      throw new SetupError('ERR_STATE', [
        'TypeScript does not compile',
        firstError(log),
        `mend src/, or see ${log}`,
      ]);
    }
    if (existsSync(dist)) renameSync(dist, `${temporary}-old`);
    renameSync(temporary, dist);
  } finally {
    for (const folder of [temporary, `${temporary}-old`]) rmSync(folder, { recursive: true, force: true });
  }
  writeAtomically(stamp, sources.hash);
}
