import { dirname } from 'node:path';
import { runQuiet, which } from './run.mjs';

/** Pythons to ask, in order: the active virtual environment's, then PATH's. */
export function pythons(env = process.env) {
  const names = [env.VIRTUAL_ENV && `${env.VIRTUAL_ENV}/bin/python3`, 'python3', 'python'];
  return [...new Set(names.map((name) => name && which(name, env)).filter(Boolean))];
}

/** The folder that a Python would import `name` from, or null; found without importing it, which takes seconds. */
export async function packageFolder(name, env = process.env) {
  const program = `import importlib.util as u; s = u.find_spec("${name}"); print(s.origin if s and s.origin else "")`;
  for (const python of pythons(env)) {
    const { status, stdout } = await runQuiet(python, ['-c', program], { env, cwd: '/', timeout: 20_000 });
    if (status === 0 && stdout.trim()) return dirname(stdout.trim());
  }
  return null;
}
