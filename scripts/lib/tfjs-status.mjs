import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readJson } from './files.mjs';
import { tfjsDir } from './paths.mjs';
import { tfjsInputs } from './tfjs-build.mjs';
import { engineName } from './tfjs-package.mjs';

/**
 * What is set up for an engine, and whether the world still is as it was: quick, loads nothing, asks no program.
 * @returns {{engine: string, folder: string, built: boolean, record: object | null, upToDate: boolean, problems: string[]}}
 */
export function tfjsStatus({ gpu = false, env = process.env } = {}) {
  const engine = engineName(gpu);
  const folder = tfjsDir(engine, env);
  const record = readJson(join(folder, 'fusor.json'));
  const built = record !== null && existsSync(record.binding);
  const problems = built ? changes(record, env) : [`the ${engine} engine is not set up`];
  return { engine, folder, built, record, upToDate: problems.length === 0, problems };
}

function changes(record, env) {
  const gone = record.libraries.find((file) => !existsSync(file));
  if (gone) return [`TensorFlow ${record.version} is no longer at ${record.path}: ${gone} is missing`];
  const problems = [];
  if (record.way === 'build' && tfjsInputs(record) !== record.inputsHash)
    problems.push('its sources or its TensorFlow changed since it was built');
  if (env.TENSORFLOW_DIR && !record.path?.startsWith(env.TENSORFLOW_DIR))
    problems.push(`it was not built against TENSORFLOW_DIR=${env.TENSORFLOW_DIR}`);
  return problems;
}

/** Removes the engines that were set up; fetched libraries stay. @returns {string[]} what was removed */
export function cleanTfjs(env = process.env) {
  const folder = dirname(tfjsDir('node', env));
  if (!existsSync(folder)) return [];
  rmSync(folder, { recursive: true });
  return [folder];
}
