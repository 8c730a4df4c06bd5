import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SetupError } from './failure.mjs';
import { filesBelow, hashFiles, readJson, writeAtomically } from './files.mjs';
import { buildDir, root } from './paths.mjs';
import { firstError, runLogged } from './run.mjs';
import { during } from './say.mjs';

const source = join(root, 'src');
const dist = join(root, 'dist');
const stamp = join(buildDir, 'typescript.stamp');

/** `tsc` into dist/ when src/ changed. It compiles beside dist/ and swaps: an interrupted run leaves the old one. */
export async function compileTypeScript(env = process.env) {
  const typescript = join(root, 'node_modules', 'typescript');
  const files = filesBelow(source).filter((file) => file.endsWith('.ts'));
  const hash = hashFiles(
    root,
    [join(root, 'tsconfig.json'), ...files],
    [readJson(join(typescript, 'package.json'))?.version],
  );
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
  const outputs = files.map((file) => join(dist, relative(source, file).replace(/\.ts$/, '.js')));
  if (fresh && outputs.every((file) => existsSync(file))) return;

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
    rmSync(dist, { recursive: true, force: true });
    renameSync(temporary, dist);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  writeAtomically(stamp, hash);
}
