import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './failure.mjs';
import { isStamped, readJson, writeAtomically } from './files.mjs';
import { npm } from './npm.mjs';
import { buildDir, root } from './paths.mjs';
import { firstError } from './run.mjs';
import { during } from './say.mjs';

const modules = join(root, 'node_modules');
const stamp = join(modules, '.fusor-lock');

/** `npm ci` when node_modules is absent or is not what package-lock.json says. */
export async function installDependencies(env = process.env) {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const hash = createHash('sha256').update(lock).digest('hex');
  if (isStamped(stamp, hash)) return;
  if (!matches(JSON.parse(lock))) await install(env);
  writeAtomically(stamp, hash);
}

/** Whether what npm says it installed is what the lock asks for; optional packages may be absent. */
function matches(lock) {
  const installed = readJson(join(modules, '.package-lock.json'))?.packages;
  if (!installed) return false;
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '' || wanted.link) return true;
    const present = installed[path];
    return present
      ? present.version === wanted.version
      : Boolean(wanted.optional || wanted.devOptional || wanted.peer);
  });
}

async function install(env) {
  const log = join(buildDir, 'npm.log');
  // No package that training needs has an install script that matters; tfjs-node-gpu's fetches 400 MB of TensorFlow.
  const run = (command, flags) =>
    npm([command, '--include=dev', '--ignore-scripts'], { log, flags, cwd: root, env });

  const status = await during('installing dependencies', async () => {
    let clean = await run('ci', 'w');
    // What another npm was just writing, of a setup that was killed, may stand in the way.
    if (clean !== 0 && readFileSync(log, 'utf8').includes('ENOTEMPTY')) clean = await run('ci', 'a');
    // `npm ci` refuses a lock that package.json has outgrown; `npm install` brings the two together.
    return clean !== 0 && /npm ci.*can only install|EUSAGE/.test(readFileSync(log, 'utf8'))
      ? run('install', 'a')
      : clean;
  });
  if (status !== 0) {
    throw new SetupError('ERR_NET', [
      'npm could not install the dependencies',
      firstError(log),
      `see ${log}, then run \`npm ci\``,
    ]);
  }
}
