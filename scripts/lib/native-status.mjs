import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isOn } from './environment.mjs';
import { readJson } from './files.mjs';
import { addonInputs } from './native-inputs.mjs';
import { addonPath, addonRecordPath, buildDir } from './paths.mjs';

/**
 * What is built, and whether the world still is as it was: quick, loads nothing, asks no program. JSON-safe.
 * @returns {{built: boolean, addon: string, record: object | null, upToDate: boolean, problems: string[]}}
 */
export function nativeStatus(env = process.env) {
  const record = readJson(addonRecordPath);
  const built = existsSync(addonPath) && record !== null;
  const problems = [];
  if (!built) {
    problems.push(
      existsSync(addonPath) ? `${addonRecordPath} is missing` : 'the native backend is not built',
    );
  } else {
    const gone = record.libraries.filter((file) => !existsSync(file));
    if (gone.length)
      problems.push(`libtorch ${record.version} is no longer at ${record.path}: ${gone[0]} is missing`);
    else if (addonInputs(record) !== record.inputsHash)
      problems.push('its sources or its libtorch changed since it was built');
    problems.push(...unmetRequests(record, env));
  }
  return { built, addon: addonPath, record, upToDate: problems.length === 0, problems };
}

/** What the environment asks for by name and the build is not. Nothing asked: whatever was built serves. */
function unmetRequests(record, env) {
  const unmet = [];
  if (env.LIBTORCH && record.requested !== env.LIBTORCH)
    unmet.push(`it was not built against LIBTORCH=${env.LIBTORCH}`);
  else if (!env.LIBTORCH && isOn(env.LIBTORCH_USE_PYTORCH) && record.source !== 'LIBTORCH_USE_PYTORCH') {
    unmet.push('it was not built against the libtorch of LIBTORCH_USE_PYTORCH');
  } else if (!env.LIBTORCH && env.FUSOR_LIBTORCH && record.variant !== env.FUSOR_LIBTORCH) {
    unmet.push(`it is a ${record.variant} build, FUSOR_LIBTORCH asks for ${env.FUSOR_LIBTORCH}`);
  }
  return unmet;
}

/** Removes what the native build made; the cache and the rest of build/ stay. @returns {string[]} what was removed */
export function cleanNative() {
  const paths = ['fusor.node', 'fusor.json', 'native', 'native.log', 'native-test', 'native-test.log'];
  const present = paths.map((name) => join(buildDir, name)).filter((path) => existsSync(path));
  for (const path of present) rmSync(path, { recursive: true });
  return present;
}
