/** What native code finds of the processor. Runs in a child process: loading a broken library may kill it. */
import { isFusorError, partsOf } from '../../errors';
import type { Candidate } from '../contract';
import { cpuName } from '../cpu-name';
import { unusable } from '../probe';
import { loadBinding, type NativeInfo } from './binding';
import { keepProbe } from './kept-probe';

export async function probeHere(): Promise<Candidate[]> {
  try {
    const candidates = [cpu(loadBinding().info())];
    await keepProbe(candidates);
    return candidates;
  } catch (error) {
    if (!isFusorError(error)) throw error;
    const { what, where, mend } = partsOf(error);
    return [unusable({ engine: 'libtorch', device: 'cpu' }, where ? `${what} (${where})` : what, mend)];
  }
}

function cpu(info: NativeInfo): Candidate {
  return {
    engine: 'libtorch',
    device: 'cpu',
    deviceName: cpuName(info.cores),
    usable: true,
    reason: '',
    cure: '',
    versions: { libtorch: info.libtorch },
  };
}
