/** Keras and PyTorch as outside witnesses of `fusor verify`: which Python has them, and their scripts. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from '../lib/failure.mjs';
import { cacheDir } from '../lib/paths.mjs';
import { pythons } from '../lib/python.mjs';
import { runQuiet } from '../lib/run.mjs';

const here = dirname(fileURLToPath(import.meta.url));
/** What a script needs, as import names; Keras runs on the first of its backends that is there. */
const NEEDS = {
  keras: { all: ['numpy', 'keras'], any: ['tensorflow', 'jax', 'torch'] },
  torch: { all: ['numpy', 'torch'], any: [] },
};

export const witnessScript = (kind) => join(here, `${kind}_witness.py`);

/**
 * A Python that has the library: `python` when given, else the active environment's, PATH's, or the one that the
 * benchmarks install their peers into. @throws SetupError ERR_BACKEND_UNAVAILABLE
 */
export async function witnessPython(kind, python, env = process.env) {
  const peers = join(cacheDir(env), 'bench-peers', 'bin', 'python');
  // Asked in another folder, where nothing of the user's is taken for a package.
  const candidates = python
    ? [python.includes('/') ? resolve(python) : python]
    : [...pythons(env), ...(existsSync(peers) ? [peers] : [])];
  const { all, any } = NEEDS[kind];
  // Looked up, not imported: that takes seconds.
  const program = [
    'import importlib.util as u, sys',
    'has = lambda n: u.find_spec(n) is not None',
    `sys.exit(0 if all(map(has, ${JSON.stringify(all)})) and (not ${JSON.stringify(any)} or any(map(has, ${JSON.stringify(any)}))) else 1)`,
  ].join('\n');
  for (const candidate of candidates) {
    const { status, stderr } = await runQuiet(candidate, ['-c', program], { env, cwd: '/', timeout: 20_000 });
    if (status === 0) return candidate;
    if (python && status < 0)
      throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
        `no Python: ${stderr}`,
        candidate,
        'name another with --python',
      ]);
  }
  throw new SetupError('ERR_BACKEND_UNAVAILABLE', [
    `no Python has ${[...all, any.join(' or ')].filter(Boolean).join(', ')}`,
    `asked ${candidates.join(', ') || 'none: there is no python3 on PATH'}`,
    `python3 -m pip install ${kind === 'keras' ? 'keras tensorflow' : 'numpy torch'}, or name one with --python`,
  ]);
}
