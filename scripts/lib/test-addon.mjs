import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isStamped, writeAtomically } from './files.mjs';
import { findLibtorch } from './libtorch.mjs';
import { withLock } from './lock.mjs';
import { buildState, checkTools, compile } from './native-build.mjs';
import { addonInputs } from './native-inputs.mjs';
import { buildDir, nativeTree } from './paths.mjs';
import { during } from './say.mjs';

/**
 * Builds the addon with fault points (native/addon/faults.h), beside the one that ships and from the same objects;
 * with sanitizers in a tree of its own.
 * @param {{sanitize?: string}} options as in -fsanitize=: `address,undefined`
 * @returns {Promise<string>} the addon
 */
export async function buildTestAddon({ sanitize = '', env = process.env } = {}) {
  checkTools(env);
  const torch = await findLibtorch({ env });
  const tree = sanitize ? `${nativeTree}-${sanitize.replaceAll(',', '-')}` : nativeTree;
  const addon = join(tree, 'Release', 'fusor_faults.node');
  return withLock(join(buildDir, '.native.lock'), async () => {
    const stamp = join(tree, '.faults-inputs');
    const inputs = addonInputs(torch);
    if (existsSync(addon) && isStamped(stamp, inputs)) return addon;
    await during(
      `building the addon for tests${sanitize && ` with ${sanitize}`}`,
      () => compile(torch, { env, tree, target: 'fusor_faults', sanitize }),
      () => buildState(`${tree}.log`),
    );
    writeAtomically(stamp, inputs);
    return addon;
  });
}
