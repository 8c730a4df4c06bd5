import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { download } from './download.mjs';
import { SetupError } from './failure.mjs';
import { makeFolders, readJson } from './files.mjs';
import { inspectLibtorch } from './inspect-libtorch.mjs';
import { libtorchCacheDir } from './paths.mjs';
import {
  cudaRequirements,
  findPip,
  installWheels,
  megabytes,
  needPlan,
  pipPlan,
  planSize,
  variantOfWheel,
} from './pip.mjs';
import { during, say } from './say.mjs';
import { inStaging } from './staging.mjs';
import { unzip } from './unzip.mjs';
import { wantedVariant } from './variant.mjs';

const PINNED_VERSION = '2.13.0';

/** PyTorch's own download site; FUSOR_LIBTORCH_URL names a mirror of it. */
const site = (env) => (env.FUSOR_LIBTORCH_URL || 'https://download.pytorch.org').replace(/\/+$/, '');

/**
 * Brings libtorch into the cache and describes it as `findLibtorch` does. Ways, in order, until one serves:
 * the user's own package index by pip when it offers the wanted build, the official archive when its digest is known,
 * PyTorch's index by pip, and for CPU whatever build the user's index offers. Nothing half-done gets the final name.
 *
 * @param {{version?: string, variant?: string, env?: NodeJS.ProcessEnv}} options
 */
export async function fetchLibtorch({ version = PINNED_VERSION, variant, env = process.env } = {}) {
  const choice = wantedVariant(env);
  const wanted = variant ?? choice.variant;
  const asked = variant !== undefined || choice.asked;
  const cache = libtorchCacheDir(env);
  return inStaging(cache, async (folder) => {
    const present = inspectCached(join(cache, `${version}-${wanted}`));
    return present ?? fetchBySomeWay({ version, wanted, asked, env, cache, folder });
  });
}

async function fetchBySomeWay(task) {
  const { version, wanted, env } = task;
  const python = await findPip(env);
  const offer = python && (await pipPlan(python, [`torch==${version}`], task))?.[0];
  const official = {
    index: ['--extra-index-url', `${site(env)}/whl/${wanted}`, '--retries=1'],
    spec: `torch==${version}+${wanted}`,
  };
  const ways = [];
  if (offer && variantOfWheel(offer) === wanted) ways.push(() => byPip(task, python, offer));
  const recorded = recordedArchive(version, wanted);
  if (recorded) ways.push(() => byArchive(task, recorded));
  if (python) {
    ways.push(async () => {
      const [wheel] = await needPlan(python, [official.spec], { ...task, index: official.index });
      return byPip(task, python, wheel, official.index);
    });
  }
  // A CUDA build computes on the CPU too: the last resort, unless a CPU build was asked for by name.
  if (offer && wanted === 'cpu' && variantOfWheel(offer) !== 'cpu' && !task.asked) {
    ways.push(() => byPip(task, python, offer));
  }

  const failures = python ? [] : ['no python3 with pip'];
  for (const way of ways) {
    rmSync(join(task.folder, 'site'), { recursive: true, force: true });
    try {
      return await way();
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      failures.push(error.message);
    }
  }
  throw new SetupError('ERR_NET', [
    `libtorch ${version} (${wanted}) could not be fetched`,
    failures.join('; '),
    'mend what is named, or unpack a libtorch yourself and set LIBTORCH to its folder',
  ]);
}

async function byPip({ version, env, cache, folder }, python, wheel, index = []) {
  const variant = variantOfWheel(wheel);
  const libraries = cudaRequirements(wheel);
  let wheels = [wheel];
  if (libraries.length) {
    wheels = [wheel, ...(await needPlan(python, libraries, { env, folder, index, deps: true }))];
    const size = megabytes(await planSize(wheels));
    say(`fusor: libtorch ${version} (${variant}) with its CUDA libraries is a download of ${size}`);
  }
  const title = `fetching libtorch ${version} (${variant}) by pip`;
  await installWheels(python, wheels, { title, env, folder, index });
  return keep(join(folder, 'site'), join(cache, `${version}-${variant}`));
}

async function byArchive({ version, wanted, env, cache, folder }, { file, sha256 }) {
  const url = `${site(env)}/libtorch/${wanted}/${encodeURIComponent(file)}`;
  const archive = join(cache, file);
  let state = '';
  const progress = (received, total) => {
    state = total ? `${Math.round(received / 1e6)} of ${megabytes(total)}` : megabytes(received);
  };
  const options = { sha256, magic: Buffer.from('PK\x03\x04'), progress };
  await during(
    `fetching libtorch ${version} (${wanted})`,
    () => download(url, archive, options),
    () => state,
  );
  try {
    await during('unpacking', () => unzip(archive, join(folder, 'site')));
  } finally {
    rmSync(archive, { force: true });
  }
  return keep(join(folder, 'site'), join(cache, `${version}-${wanted}`));
}

/** Leaves what building and loading need, and gives it its final name. */
function keep(site, target) {
  for (const name of readdirSync(site)) {
    if (!['torch', 'libtorch', 'nvidia'].includes(name)) rmSync(join(site, name), { recursive: true });
  }
  const torch = join(site, 'torch');
  for (const name of existsSync(torch) ? readdirSync(torch) : []) {
    if (!['lib', 'include', 'share', 'version.py'].includes(name))
      rmSync(join(torch, name), { recursive: true });
  }
  inspectLibtorch(site);
  rmSync(target, { recursive: true, force: true });
  makeFolders(join(target, '..'));
  renameSync(site, target);
  return { source: 'cache', ...inspectLibtorch(target) };
}

function inspectCached(folder) {
  try {
    return { source: 'cache', ...inspectLibtorch(folder) };
  } catch {
    return null;
  }
}

/**
 * The official archive with its sha256, as public records have it. CPU builds only: the CUDA archives come without
 * NVIDIA's libraries, so a CUDA build is fetched as wheels.
 */
function recordedArchive(version, variant) {
  const platform = `${process.platform}-${process.arch}`;
  const known = readJson(new URL('libtorch-digests.json', import.meta.url)) ?? [];
  return known.find((one) => one.version === version && one.variant === variant && one.platform === platform);
}
