/** libtorch, the addon and every engine: each is loaded in a child process. */
import { devices } from '../../index';
import { nativeScripts } from '../scripts';
import { bad, type Check, failed, good } from './check';

const BUILD = 'run `fusor native build`';

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
  return (await devices()).map(({ backend, engine, device, deviceName, usable, reason, cure, versions }) => {
    const name = `${backend} ${engine} ${device}`;
    const libraries = Object.entries(versions).map(([library, version]) => `${library} ${version}`);
    const found = [deviceName, ...libraries].filter(Boolean).join(', ');
    return usable ? good(name, found) : bad(name, reason, cure);
  });
}
