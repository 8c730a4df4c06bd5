/** What native code finds of GPUs. Runs in a child process of its own: a driver may hang, or kill who asks. */
import { isFusorError, partsOf } from '../../errors';
import type { Candidate } from '../contract';
import { unusable } from '../probe';
import { loadBinding, type NativeCuda } from './binding';

export async function probeHere(): Promise<Candidate[]> {
  try {
    const native = loadBinding();
    return candidatesOf(native.cudaDevices(), native.info().libtorch);
  } catch (error) {
    if (!isFusorError(error)) throw error;
    const { what, mend } = partsOf(error);
    return [unusable({ engine: 'libtorch', device: 'cuda' }, what, mend)];
  }
}

function candidatesOf(cuda: NativeCuda, libtorch: string): Candidate[] {
  const obstacle = obstacleOf(cuda, libtorch);
  return cuda.devices.map(({ name, capability, memoryBytes }, number) => {
    const device = `cuda:${number}`;
    if (obstacle)
      return unusable({ engine: 'libtorch', device }, obstacle.reason.replace('GPU', name), obstacle.cure);
    return {
      engine: 'libtorch',
      device,
      deviceName: name,
      usable: true,
      reason: '',
      cure: '',
      versions: {
        libtorch,
        cuda: cuda.libtorchCuda ?? '',
        driver: `CUDA ${cuda.driver}`,
        nvrtc: cuda.nvrtc ?? `missing (${cuda.nvrtcReason.split(' · ')[0]})`,
      },
      capability,
      memoryBytes,
    };
  });
}

const major = (version: string): number => Number.parseInt(version, 10);

/** What is wrong with all GPUs alike. */
function obstacleOf({ driver, libtorchCuda }: NativeCuda, libtorch: string) {
  const variant = major(driver) >= 13 ? 'cu130' : 'cu126';
  const cure = `run 'FUSOR_LIBTORCH=${variant} npx fusor native fetch-libtorch', then 'npx fusor native build'`;
  if (!libtorchCuda) return { reason: `libtorch ${libtorch} is a CPU build, beside GPU`, cure };
  if (major(libtorchCuda) <= major(driver)) return null;
  return {
    reason: `the NVIDIA driver is too old: it serves CUDA ${driver}, libtorch ${libtorch} is built for CUDA ${libtorchCuda}`,
    cure: `install a newer driver, or ${cure}`,
  };
}
