import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './failure.mjs';
import { readJson } from './files.mjs';
import { pythons } from './python.mjs';
import { firstError, runLogged, runQuiet } from './run.mjs';
import { during } from './say.mjs';

/** A Python that has pip, or null. */
export async function findPip(env) {
  for (const python of pythons(env)) {
    const { status } = await runQuiet(python, ['-m', 'pip', '--version'], { env });
    if (status === 0) return python;
  }
  return null;
}

/** Wheels are per Python version, and the libraries in them are not: with a Python too old or new, take 3.12's. */
async function pythonOptions(python, env) {
  const { stdout } = await runQuiet(python, ['-c', 'import sys; print(sys.version_info[1])'], { env });
  const minor = Number(stdout);
  return minor >= 10 && minor <= 13 ? [] : ['--python-version', '3.12'];
}

/**
 * What pip would take for these requirements: the wheels' addresses and what they need. Downloads no wheel where
 * the index offers metadata apart. @returns {Promise<Array<{name, version, url, requires: string[]}> | null>}
 */
export async function pipPlan(python, requirements, { env, folder, deps = false, index = [] }) {
  const report = `${folder}/report.json`;
  const options = ['--dry-run', '--quiet', '--report', report, ...(deps ? [] : ['--no-deps'])];
  const status = await pip(python, requirements, {
    env,
    folder,
    index,
    options,
    log: `${folder}/pip-plan.log`,
  });
  const plan = status === 0 ? readJson(report) : null;
  return (
    plan?.install.map(({ download_info: from, metadata }) => ({
      name: metadata.name,
      version: metadata.version,
      url: from.url,
      requires: metadata.requires_dist ?? [],
    })) ?? null
  );
}

/** Like {@link pipPlan}, but what pip does not offer is an error. */
export async function needPlan(python, requirements, options) {
  const plan = await pipPlan(python, requirements, options);
  if (plan) return plan;
  throw refused(`pip does not offer ${requirements.join(', ')}`, join(options.folder, 'pip-plan.log'));
}

/** For what pip's log gives as the cause; a full disk is none of the network's. */
export function refused(what, log) {
  const reason = firstError(log);
  const full = /No space left on device|Disk quota exceeded/.test(readFileSync(log, 'utf8'));
  return full
    ? new SetupError('ERR_IO', ['pip found the disk full', dirname(log), 'make room on the disk'])
    : new SetupError('ERR_NET', [`${what}: ${reason}`]);
}

/** Installs exactly these wheels of a plan into `folder/site`, with progress; pip checks the index's digests. */
export async function installWheels(python, wheels, { title, env, folder, index = [] }) {
  const log = join(folder, 'pip.log');
  const exact = wheels.map((one) => `${one.name}==${one.version}`);
  const options = ['--no-deps', '--no-compile', '--no-cache-dir'];
  const status = await during(
    title,
    () => pip(python, exact, { env, folder, index, options, log }),
    () => megabytes(downloaded(folder)),
  );
  if (status !== 0) throw refused('pip failed', log);
}

/** What pip has so far: it downloads into folders of its temporary folder. */
function downloaded(folder) {
  const parts = readdirSync(folder).filter((name) => name.startsWith('pip-unpack'));
  const files = parts.flatMap((part) =>
    readdirSync(join(folder, part)).map((name) => join(folder, part, name)),
  );
  return files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

async function pip(python, requirements, { env, folder, index, options, log }) {
  const args = [
    '-m',
    'pip',
    'install',
    '--ignore-installed',
    '--only-binary=:all:',
    '--progress-bar=off',
    '--no-input',
  ];
  args.push(
    '--target',
    `${folder}/site`,
    ...(await pythonOptions(python, env)),
    ...index,
    ...options,
    ...requirements,
  );
  // pip unpacks in its temporary folder: in ours, so that an interrupted one leaves nothing behind elsewhere.
  return runLogged(python, args, {
    log,
    cwd: folder,
    env: { ...env, TMPDIR: folder, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
  });
}

export const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`;

/** Bytes to download for a plan, as far as the servers say. */
export async function planSize(plan) {
  const sizes = await Promise.all(
    plan.map(async ({ url }) => {
      if (url.startsWith('file:')) return statSync(fileURLToPath(url)).size;
      const response = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(15_000) }).catch(
        () => null,
      );
      return Number(response?.headers.get('content-length') ?? 0);
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The build that a torch wheel is: from its label (`+cu130`), else from the CUDA libraries that it asks for. */
export function variantOfWheel({ url, requires }) {
  const label = /\+(cpu|cu\d+)/.exec(decodeURIComponent(url))?.[1];
  if (label) return label;
  const needs = requires.filter((line) => !/extra ==/.test(line)).join('\n');
  const toolkit =
    /^(?:cuda-toolkit(?:\[[^\]]*\])?|nvidia-cuda-runtime(?:-cu\d+)?)\s*\(?==\s*(\d+)\.(\d+)/m.exec(needs);
  if (toolkit) return `cu${toolkit[1]}${toolkit[2]}`;
  return /^nvidia-/m.test(needs) ? 'cuda' : 'cpu';
}

/** The CUDA libraries among a wheel's needs; the rest of its needs are Python's. */
export const cudaRequirements = ({ requires }) =>
  requires.filter((line) => /^(nvidia-|cuda-toolkit)/.test(line) && !/extra ==/.test(line));
