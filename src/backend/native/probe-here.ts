/** What native code finds of the processor. Runs in a child process: loading a broken library may kill it. */
import { cpus } from 'node:os';
import { isFusorError } from '../../errors';
import type { Availability, Candidate } from '../contract';
import { loadBinding, type NativeInfo } from './binding';
import { keepProbe } from './kept-probe';
import { unusable } from './probe-cuda';

export async function probeHere(): Promise<Availability> {
  try {
    const availability = { candidates: [cpu(loadBinding().info())] };
    await keepProbe(availability);
    return availability;
  } catch (error) {
    if (!isFusorError(error)) throw error;
    const [reason, where, cure] = error.message.split(' · ');
    return { candidates: [{ ...unusable('cpu', where ? `${reason} (${where})` : reason, cure ?? '') }] };
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

/** @param cores that this process may use */
export function cpuName(cores: number): string {
  return `${cpus()[0]?.model.trim() ?? 'CPU'}, ${cores} ${cores === 1 ? 'core' : 'cores'}`;
}
