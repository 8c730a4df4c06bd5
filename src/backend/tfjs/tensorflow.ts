import util from 'node:util';
import { FusorError } from '../../errors';
import type { DeviceRequest } from '../contract';
import type { Tf } from './engines';

/** The packages that bring TensorFlow's library, and which engine may use which. Best first. */
export const PACKAGES = {
  'node-gpu': ['@tensorflow/tfjs-node-gpu'],
  // With its GPUs hidden the GPU package runs TensorFlow on the CPU.
  node: ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'],
} as const;

export function findPackage(name: keyof typeof PACKAGES): string | null {
  return PACKAGES[name].find((candidate) => isResolvable(candidate)) ?? null;
}

function isResolvable(packageName: string): boolean {
  try {
    require.resolve(packageName);
    return true;
  } catch {
    return false;
  }
}

let loadedFor: string | null = null;

/** Loads TensorFlow's library into this process: once, with the devices asked for first. */
export async function loadTensorFlow(name: keyof typeof PACKAGES, request: DeviceRequest) {
  const packageName = findPackage(name);
  if (!packageName) {
    throw new FusorError('ERR_BACKEND_UNAVAILABLE', [
      `${PACKAGES[name][0]} is not installed`,
      '',
      `npm install ${PACKAGES[name][0]}`,
    ]);
  }
  const wanted = `${packageName} on ${name === 'node' ? 'cpu' : request.device}`;
  if (loadedFor !== null && loadedFor !== wanted) {
    throw new FusorError('ERR_BACKEND_CONFLICT', [
      `this process has loaded ${loadedFor}; ${wanted} needs a process of its own`,
    ]);
  }
  prepareEnvironment(name, request);
  restoreRemovedUtilities();
  loadedFor = wanted;
  const tf: Tf & { version: Record<string, string> } = require(packageName);
  await tf.setBackend('tensorflow');
  const backend = tf.backend() as { isUsingGpuDevice?: boolean; binding?: { TF_Version?: string } };
  const libraryVersion = backend.binding?.TF_Version ?? 'of unknown version';
  return { tf: tf as Tf, libraryVersion, usesGpu: backend.isUsingGpuDevice === true };
}

/** What TensorFlow reads while it loads. What the user has set stays. */
function prepareEnvironment(
  name: keyof typeof PACKAGES,
  { device, precision, threads }: DeviceRequest,
): void {
  const { env } = process;
  env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  if (precision === 'fp32') env.NVIDIA_TF32_OVERRIDE ??= '0';
  if (threads > 0) env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  if (name === 'node') env.CUDA_VISIBLE_DEVICES = '-1';
  else if (device.startsWith('cuda:')) env.CUDA_VISIBLE_DEVICES = device.slice('cuda:'.length);
}

/** tfjs-node 4.22 calls two functions that Node 23 removed. */
export function restoreRemovedUtilities(): void {
  const target = util as unknown as Record<string, unknown>;
  target.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  target.isArray ??= Array.isArray;
}
