/** What native code finds on this machine. Runs in a child process: loading a broken library may kill it. */
import { cpus } from 'node:os';
import { isFusorError } from '../../errors';
import type { Availability, Candidate } from '../contract';
import { nvidiaDriverPresent } from '../nvidia-driver';
import { loadBinding, type NativeInfo } from './binding';

export async function probeHere(): Promise<Availability> {
  try {
    const info = loadBinding().info();
    return { candidates: [cuda(), cpu(info)] };
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

/** This release has CPU kernels only; says so where a GPU might be expected, and nothing more where there is none. */
function cuda(): Candidate {
  return nvidiaDriverPresent()
    ? unusable(
        'cuda',
        'this release of the native backend has no CUDA kernels',
        'use --backend tfjs for the GPU',
      )
    : unusable('cuda', 'there is no NVIDIA driver here', 'install one, if there is an NVIDIA GPU');
}

function unusable(device: string, reason: string, cure: string): Candidate {
  return { engine: 'libtorch', device, deviceName: '', usable: false, reason, cure, versions: {} };
}

/** @param cores that this process may use */
export function cpuName(cores: number): string {
  return `${cpus()[0]?.model.trim() ?? 'CPU'}, ${cores} ${cores === 1 ? 'core' : 'cores'}`;
}
