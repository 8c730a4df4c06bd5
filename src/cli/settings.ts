/** Where each setting comes from: flag > environment > file > default. */
import { join } from 'node:path';
import { FusorError, nearestName } from '../errors';
import { isObject } from '../files/json';
import { readText } from '../files/read-text';
import { ioError, systemCode } from '../files/system-error';
import { CONFIG_FILE, runFolderOf } from '../runs/run-folder';
import { flagName, type Options, type Settings, variableName } from './option';

export interface Resolved<O extends Options> {
  settings: Settings<O>;
  /** How the user named it ('--epochs', 'FUSOR_EPOCHS', 'epochs in fusor.json'), or 'default'. */
  origins: { [K in keyof O]: string };
}

/** Of an origin: a flag wins over the environment, that over a file. */
export const rankOf = (origin: string): number =>
  origin === 'default' ? 0 : origin.startsWith('--') ? 3 : origin.startsWith('FUSOR_') ? 2 : 1;

/**
 * @param flags what was written on the command line, by flag name
 * @param known the keys of all commands: a file may serve several
 * @throws ERR_ARG naming the flag, variable or key; ERR_IO when the file cannot be read
 */
export function resolveSettings<O extends Options>(
  options: O,
  flags: Record<string, unknown>,
  known: readonly string[],
  env: Record<string, string | undefined> = process.env,
): Resolved<O> {
  const origins: Record<string, string> = {};
  const settings: Record<string, unknown> = {};
  const settle = (key: string, file: Record<string, unknown>, path = '') => {
    const option = options[key];
    const flag = `--${flagName(key)}`;
    const variable = variableName(key, option);
    const use = (written: unknown, origin: string) => {
      origins[key] = origin;
      settings[key] = option.parse(written, origin);
    };
    if (flags[flagName(key)] !== undefined) use(flags[flagName(key)], flag);
    else if (env[variable]) use(env[variable], variable);
    else if (file[key] !== undefined && file[key] !== null) use(file[key], `${key} in ${path}`);
    else {
      origins[key] = 'default';
      settings[key] = option.fallback;
    }
  };
  /** A run that goes on is told by its own config. */
  const configOfRun = (): string | undefined => {
    if (!('resume' in options)) return undefined;
    settle('resume', {});
    return settings.resume === undefined
      ? undefined
      : join(runFolderOf(settings.resume as string), CONFIG_FILE);
  };
  settle('config', {});
  const path = settings.config === undefined ? configOfRun() : (settings.config as string);
  const file = path === undefined ? {} : readConfig(path, known);
  for (const key of Object.keys(options)) if (key !== 'config') settle(key, file, path);
  settleBackend(settings, origins);
  return { settings, origins } as Resolved<O>;
}

/** @param one how the user named it */
export function bothGiven(one: string, other: string, mend = 'leave one of them out'): FusorError {
  return new FusorError('ERR_ARG', [`${one} and ${other} are both given`, '', mend]);
}

/** An engine of TensorFlow.js names its backend, unless something of a higher rank names the other. @throws ERR_ARG */
function settleBackend(settings: Record<string, unknown>, origins: Record<string, string>): void {
  const { backend, tfjsEngine = 'auto' } = settings;
  if (backend !== 'native' || tfjsEngine === 'auto') return;
  const [ofEngine, ofBackend] = [rankOf(origins.tfjsEngine), rankOf(origins.backend)];
  if (ofEngine > ofBackend) settings.backend = 'tfjs';
  // In a file both may stand: of a run that went on elsewhere.
  else if (ofEngine < ofBackend || ofEngine === 1) settings.tfjsEngine = 'auto';
  else
    throw bothGiven(
      `${origins.backend} native`,
      `${origins.tfjsEngine} ${tfjsEngine}`,
      'leave one of them out: native has no engines',
    );
}

/** A JSON object whose keys are option names, as batchSize or batch-size. */
function readConfig(path: string, known: readonly string[]): Record<string, unknown> {
  const refuse = (what: string, mend: string) =>
    new FusorError('ERR_ARG', [what, path, mend], { file: path });
  let json: unknown;
  try {
    json = JSON.parse(readText(path).replace(/^\ufeff/, ''));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw refuse('no such config file', 'check the path');
    if (systemCode(error)) throw ioError(error, 'read the config file', path);
    throw refuse(`not JSON (${(error as Error).message.split('\n')[0]})`, 'mend the file');
  }
  if (!isObject(json)) throw refuse('not a JSON object', 'write { "epochs": 10, … }');
  const entries = Object.entries(json).map(([name, value]) => {
    const key = name.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
    if (known.includes(key) && key !== 'config') return [key, value];
    const near = nearestName(
      key,
      known.filter((each) => each !== 'config'),
    );
    throw refuse(`unknown option '${name}'`, near ? `did you mean ${near}?` : 'see fusor --help');
  });
  return Object.fromEntries(entries);
}

/** Keys that are about this call, not about what is computed. */
const OF_THE_CALL = ['json', 'quiet', 'config', 'printConfig', 'noProgress', 'dashboard', 'runDir', 'resume'];

/** The settings as a file for --config that repeats the work. */
export function repeatable(settings: object): Record<string, unknown> {
  const entries = Object.entries(settings).filter(
    ([key, value]) => value !== undefined && !OF_THE_CALL.includes(key),
  );
  return Object.fromEntries(entries);
}
