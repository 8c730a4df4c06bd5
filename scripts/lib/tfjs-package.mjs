import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './failure.mjs';
import { filesBelow, makeFolders } from './files.mjs';
import { npm } from './npm.mjs';
import { root } from './paths.mjs';
import { firstError, loadError, runQuiet } from './run.mjs';
import { during } from './say.mjs';

/** package.json and package-lock.json of what is installed: every version pinned, with its digest. */
export const manifests = join(root, 'scripts', 'tfjs');

export const packageName = (gpu) => `@tensorflow/tfjs-node${gpu ? '-gpu' : ''}`;
export const engineName = (gpu) => (gpu ? 'node-gpu' : 'node');
export const packageDir = (folder, gpu) => join(folder, 'node_modules', packageName(gpu));

/** Where the package's own code looks for its binding. */
export const bindingPath = (folder, gpu) =>
  join(packageDir(folder, gpu), 'lib', 'napi-v8', 'tfjs_binding.node');

/** Installs tfjs-node and all that it needs into `folder`, without its install script: a folder that needs no other. */
export async function installPackage(folder, { env, log }) {
  makeFolders(folder);
  for (const name of ['package.json', 'package-lock.json'])
    cpSync(join(manifests, name), join(folder, name), { force: true });
  const status = await during('installing tfjs-node', () =>
    npm(['ci', '--ignore-scripts', '--prefer-offline', '--prefix', folder], { log, cwd: folder, env }),
  );
  if (status !== 0) {
    throw new SetupError('ERR_NET', [
      'npm could not install tfjs-node',
      firstError(log),
      `see ${log}, check the network and npm's registry, then try again`,
    ]);
  }
  // Two thirds of it are maps for a debugger.
  for (const file of filesBelow(folder)) if (file.endsWith('.map')) rmSync(file);
}

/**
 * Loads the binding in a child: a library that aborts takes the child with it, not us.
 * @returns {Promise<{version: string, seesGpu: boolean}>} version: of the TensorFlow behind it
 */
export async function tryBinding(path, { env, log }) {
  const program = `const binding = require(process.argv[1]);
    console.log(JSON.stringify({ version: binding.TF_Version, seesGpu: binding.isUsingGpuDevice() }));`;
  const loaded = existsSync(path)
    ? await runQuiet(process.execPath, ['-e', program, path], { env: { TF_CPP_MIN_LOG_LEVEL: '2', ...env } })
    : { status: -1, stderr: `Error: ${path} was not made` };
  if (loaded.status === 0) return JSON.parse(loaded.stdout);
  throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
    'the binding of tfjs-node does not load',
    loadError(loaded),
    `see ${log}`,
  ]);
}
