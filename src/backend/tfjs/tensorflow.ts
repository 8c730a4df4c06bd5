import util from 'node:util';
import { FusorError } from '../../errors';
import type { DeviceRequest } from '../contract';
import type { Tf } from './engine';
import { showOnly } from './gpus';
import { findPackage, type NodeEngine } from './packages';

/** What sets an engine up, whatever is missing. For a GPU not as npm does: that TensorFlow wants CUDA 11.2. */
export const SETUP: Record<NodeEngine, string> = {
  node: 'run `npx fusor tfjs install`',
  'node-gpu': 'run `npx fusor tfjs build --gpu`',
};

let loadedFor: string | null = null;

/** Loads TensorFlow's library into this process: once, with the devices asked for first. */
export async function loadTensorFlow(engine: NodeEngine, request: DeviceRequest) {
  const found = findPackage(engine);
  if (!found)
    throw new FusorError('ERR_BACKEND_UNAVAILABLE', ['TensorFlow for Node is not set up', '', SETUP[engine]]);
  const wanted = `${found.name} on ${engine === 'node' ? 'cpu' : request.device}`;
  if (loadedFor !== null && loadedFor !== wanted) {
    throw new FusorError('ERR_BACKEND_CONFLICT', [
      `this process has loaded ${loadedFor}; ${wanted} needs a process of its own`,
    ]);
  }
  prepareEnvironment(engine, request);
  restoreRemovedUtilities();
  loadedFor = wanted;
  const tf: Tf & { version: Record<string, string> } = require(found.entry);
  await tf.setBackend('tensorflow');
  const backend = tf.backend() as { isUsingGpuDevice?: boolean; binding?: { TF_Version?: string } };
  const version = backend.binding?.TF_Version ?? 'of unknown version';
  const usesGpu = backend.isUsingGpuDevice === true;
  if (engine === 'node-gpu' && !usesGpu) {
    const cuda = found.cuda ?? 'of a GPU build';
    throw new FusorError('ERR_BACKEND_UNAVAILABLE', [
      `tfjs-node-gpu is loaded but TensorFlow ${version} sees no GPU: it wants CUDA ${cuda}`,
      found.entry,
      cuda.startsWith('12')
        ? 'check `nvidia-smi` and CUDA_VISIBLE_DEVICES, or use --backend native'
        : 'do `npx fusor tfjs build --gpu` for a TensorFlow with CUDA 12, or use --backend native',
    ]);
  }
  return { tf: tf as Tf, version, cuda: found.cuda, usesGpu };
}

/** What TensorFlow reads while it loads. What the user has set stays. */
function prepareEnvironment(engine: NodeEngine, { device, precision, threads }: DeviceRequest): void {
  const { env } = process;
  env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  // Plain sums: nearer to the other backends, no slower on batches, and no note on stderr about it.
  env.TF_ENABLE_ONEDNN_OPTS ??= '0';
  if (precision === 'fp32') env.NVIDIA_TF32_OVERRIDE ??= '0';
  if (threads > 0) env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  showOnly(engine === 'node' ? 'cpu' : device);
}

/** tfjs-node 4.22 calls two functions that Node 23 removed, and that Node 22 warns about. */
export function restoreRemovedUtilities(): void {
  const target = util as unknown as Record<string, unknown>;
  target.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  target.isArray = Array.isArray;
}
