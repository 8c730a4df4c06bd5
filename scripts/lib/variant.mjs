import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { SetupError } from './failure.mjs';

export const VARIANTS = ['cpu', 'cu126', 'cu130'];

/** The oldest driver that runs each CUDA build; 12.6 by minor-version compatibility from 525. */
const OLDEST_DRIVER = [
  ['cu130', 580],
  ['cu126', 525],
];

/**
 * Which build of libtorch this machine should have: FUSOR_LIBTORCH, else what its NVIDIA driver supports.
 * @returns {{variant: string, asked: boolean, driver: string | null}}
 */
export function wantedVariant(env = process.env, driver = nvidiaDriver(env)) {
  const asked = env.FUSOR_LIBTORCH;
  if (asked) {
    if (!VARIANTS.includes(asked)) {
      throw new SetupError('ERR_ARG', [
        `FUSOR_LIBTORCH is ${asked}`,
        'the environment',
        `set it to ${VARIANTS.join(', ')}, or unset it`,
      ]);
    }
    return { variant: asked, asked: true, driver };
  }
  const major = Number.parseInt(driver ?? '', 10);
  const fit = OLDEST_DRIVER.find(([, oldest]) => major >= oldest);
  return { variant: process.platform === 'linux' && fit ? fit[0] : 'cpu', asked: false, driver };
}

/** The NVIDIA driver's version, such as "580.65.06", or null: from the kernel module, under WSL from nvidia-smi. */
export function nvidiaDriver(env = process.env) {
  const file = '/proc/driver/nvidia/version';
  if (existsSync(file))
    return /Kernel Module.*?\s(\d{3,}\.\d+(?:\.\d+)?)/.exec(readFileSync(file, 'utf8'))?.[1] ?? null;
  const query = ['--query-gpu=driver_version', '--format=csv,noheader'];
  const smi = spawnSync('nvidia-smi', query, { env, encoding: 'utf8', timeout: 10_000 });
  return /^\d{3,}\.\d+(\.\d+)?/.exec(smi.stdout ?? '')?.[0] ?? null;
}
