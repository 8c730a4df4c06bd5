/** libtorch, the addon and every engine: each is loaded in a child process. */
import { devices, type RuntimeInfo } from '../../index';
import { describeTfjs, nativeScripts, tfjsScripts } from '../scripts';
import { bad, type Check, failed, good } from './check';

const BUILD = 'run `npx fusor native build`';

export async function checkLibtorch(): Promise<Check> {
  try {
    const { findLibtorch } = await nativeScripts();
    const { version, variant, path, source } = await findLibtorch();
    return good('libtorch', `${version} (${variant}) at ${path}${source ? `, from ${source}` : ''}`);
  } catch (error) {
    return failed('libtorch', error);
  }
}

/** What was built, and whether it still goes with what is there. */
export async function checkAddon(): Promise<Check> {
  try {
    const { built, record, upToDate, problems } = (await nativeScripts()).nativeStatus();
    if (!built || !record) return bad('native addon', problems.join('; ') || 'not built', BUILD);
    const against = `built against libtorch ${record.version} (${record.variant}) at ${record.path}`;
    return upToDate
      ? good('native addon', against)
      : bad('native addon', `${against}; ${problems.join('; ')}`, BUILD);
  } catch (error) {
    return failed('native addon', error, BUILD);
  }
}

export async function checkBackends(): Promise<Check[]> {
  return (await devices()).map((candidate) => {
    const { backend, engine, device, usable, reason, cure } = candidate;
    const name = `${backend} ${engine} ${device}`;
    return usable ? good(name, describeDevice(candidate)) : bad(name, reason, cure);
  });
}

type Device = Pick<RuntimeInfo, 'deviceName' | 'versions' | 'gpuVisible'> & {
  capability?: string;
  memoryBytes?: number;
};

/** e.g. "AMD EPYC, 2 cores, tfjs 4.22.0", "NVIDIA H200, compute capability 9.0, 140 GiB, libtorch 2.13.0, …". */
export function describeDevice(device: Device): string {
  const { deviceName, versions, gpuVisible, capability, memoryBytes } = device;
  const libraries = Object.entries(versions).map(([library, version]) => `${library} ${version}`);
  return [
    deviceName,
    capability && `compute capability ${capability}`,
    memoryBytes && `${Math.round(memoryBytes / 2 ** 30)} GiB`,
    ...libraries,
    gpuVisible === false && 'no GPU visible',
  ]
    .filter(Boolean)
    .join(', ');
}

/** TensorFlow behind tfjs, where it was set up: nothing that must be there. */
export async function checkTensorflow(): Promise<Check[]> {
  const { tfjsStatus } = await tfjsScripts();
  return [false, true].flatMap((gpu) => {
    const { built, record, upToDate, problems } = tfjsStatus({ gpu });
    const name = gpu ? 'tfjs-node-gpu' : 'tfjs-node';
    const build = `run \`npx fusor tfjs build${gpu ? ' --gpu' : ''}\``;
    if (!built || !record)
      return gpu ? [] : [good(name, 'not set up; `npx fusor tfjs install` brings TensorFlow')];
    const found = describeTfjs(record);
    return upToDate ? good(name, found) : bad(name, [found, ...problems].join('; '), build);
  });
}
