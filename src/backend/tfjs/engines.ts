import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { FusorError } from '../../errors';
import type { DeviceRequest } from '../contract';
import { cpuName } from '../cpu-name';
import type { Engine, EngineName, Tf } from './engine';
import { gpuIndex, visibleGpus } from './gpus';
import { loadTensorFlow } from './tensorflow';
import { withoutListeners } from './wasm-listeners';
import { guardWasmMemory, type Wasm } from './wasm-memory';

const loaded = new Map<EngineName, Promise<Engine>>();

/** Loads an engine; a second call gives the same one. Native code is loaded here and nowhere else. */
export function loadEngine(name: EngineName, request: DeviceRequest): Promise<Engine> {
  let engine = loaded.get(name);
  if (!engine) {
    engine = name === 'wasm' || name === 'cpu' ? loadPortable(name) : loadNode(name, request);
    engine.catch(() => loaded.delete(name));
    loaded.set(name, engine);
  }
  return engine;
}

/**
 * wasm and plain JavaScript need tfjs' core only, a fifth of what the whole of tfjs takes to load. It is found from
 * the wasm package, because both must share one instance.
 */
async function loadPortable(name: 'wasm' | 'cpu'): Promise<Engine> {
  const wasmPath = require.resolve('@tensorflow/tfjs-backend-wasm');
  const fromWasm = createRequire(wasmPath);
  const tf: Tf = fromWasm('@tensorflow/tfjs-core');
  // Silences "to speed things up dramatically, install our node backend" and checks made for development.
  tf.enableProdMode();
  if (name === 'wasm') {
    const wasm: typeof import('@tensorflow/tfjs-backend-wasm') = require(wasmPath);
    wasm.setWasmPaths(`${dirname(wasmPath)}/`);
  } else {
    fromWasm('@tensorflow/tfjs-backend-cpu');
  }
  await withoutListeners(() => setBackend(tf, name));
  if (name === 'wasm') guardWasmMemory((tf.backend() as unknown as { wasm: Wasm }).wasm);
  const simd = name === 'wasm' && (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'));
  return makeEngine(name, tf, name, {
    device: 'cpu',
    deviceName: cpuName(cpus().length),
    versions: { tfjs: tf.version_core },
    // tfjs' wasm runs one thread in Node: its threaded build starts its workers from a blob URL, for browsers.
    description: {
      kernels: 'framework',
      isa: name === 'cpu' ? 'javascript' : simd ? 'wasm-simd' : 'wasm',
      threads: 1,
    },
  });
}

async function loadNode(name: 'node-gpu' | 'node', request: DeviceRequest): Promise<Engine> {
  // Before loading, which leaves one GPU visible.
  const gpu = visibleGpus()[gpuIndex(request.device)] ?? 'NVIDIA GPU';
  const { tf, version, cuda, usesGpu } = await loadTensorFlow(name, request);
  return makeEngine(name, tf, 'tensorflow', {
    device: usesGpu ? `cuda:${gpuIndex(request.device)}` : 'cpu',
    deviceName: usesGpu ? gpu : cpuName(cpus().length),
    versions: { tfjs: tf.version_core, tensorflow: version, ...(usesGpu && cuda && { cuda }) },
    gpuVisible: usesGpu,
    description: { kernels: 'framework', isa: 'tensorflow', threads: request.threads || cpus().length },
  });
}

async function setBackend(tf: Tf, backendName: string): Promise<void> {
  if (await tf.setBackend(backendName)) return;
  throw new FusorError('ERR_BACKEND_UNAVAILABLE', [`tfjs could not start its ${backendName} engine`]);
}

function makeEngine(
  name: EngineName,
  tf: Tf,
  backendName: string,
  facts: Pick<Engine, 'device' | 'deviceName' | 'versions' | 'gpuVisible' | 'description'>,
): Engine {
  // Switching to an engine that has started takes effect at once, though it returns a promise.
  const use = () => {
    if (tf.getBackend() !== backendName) void tf.setBackend(backendName);
  };
  const tidy = <T>(work: () => T): T => {
    use();
    tf.engine().startScope();
    let result: T | undefined;
    try {
      result = work();
      return result;
    } finally {
      // A typed array holds no tensors, and tfjs would look for them in each of its numbers.
      tf.engine().endScope(ArrayBuffer.isView(result) ? undefined : (result as never));
    }
  };
  return { name, tf, ...facts, use, tidy };
}
