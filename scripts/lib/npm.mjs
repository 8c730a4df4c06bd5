import { runLogged } from './run.mjs';

/**
 * Runs npm in `cwd`: the npm that started us where one did, also where it is not on PATH.
 * @returns {Promise<number>} its exit status
 */
export function npm(args, { env = process.env, ...options }) {
  const [program, ...first] = env.npm_execpath ? [process.execPath, env.npm_execpath] : ['npm'];
  return runLogged(program, [...first, ...args, '--no-audit', '--no-fund'], { env, ...options });
}
