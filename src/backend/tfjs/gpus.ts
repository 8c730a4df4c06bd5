import { nvidiaGpus } from '../nvidia-driver';

/*
 * 'cuda:N' is number N of what CUDA_VISIBLE_DEVICES leaves of the machine's GPUs, in the order of nvidia-smi. tfjs-node
 * takes the last of several, so TensorFlow is shown one.
 */

/** The models of 'cuda:0', 'cuda:1', …; one without a name where the driver lists none. */
export function visibleGpus(models = nvidiaGpus(), env = process.env): string[] {
  const present = models.length > 0 ? models : ['NVIDIA GPU'];
  return listed(env)?.map((id) => present[Number(id)] ?? 'NVIDIA GPU') ?? present;
}

/** Shows TensorFlow this GPU only, or none for 'cpu'. To be called before it is loaded. */
export function showOnly(device: string, env = process.env): void {
  const index = gpuIndex(device);
  const ids = listed(env);
  const id = device === 'cpu' ? '-1' : ids ? (ids[index] ?? '-1') : String(index);
  env.CUDA_DEVICE_ORDER ??= 'PCI_BUS_ID';
  env.CUDA_VISIBLE_DEVICES = id;
}

/** N of 'cuda:N'; 0 where no number is given. */
export const gpuIndex = (device: string): number => Number(device.split(':')[1] ?? 0);

/** What CUDA_VISIBLE_DEVICES names, as CUDA reads it: up to the first that is no device. Undefined where it is not set. */
function listed(env: NodeJS.ProcessEnv): string[] | undefined {
  const names = env.CUDA_VISIBLE_DEVICES?.split(',').map((name) => name.trim());
  const end = names?.findIndex((name) => name === '' || name.startsWith('-')) ?? -1;
  return end < 0 ? names : names?.slice(0, end);
}
