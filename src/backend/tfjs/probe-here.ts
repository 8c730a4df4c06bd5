import type { Candidate } from '../contract';
import { unusable } from '../probe';
import type { EngineName } from './engine';
import { loadEngine } from './engines';
import { SETUP } from './tensorflow';

/** In a child process, which holds one of TensorFlow's libraries. */
export async function probeHere(...engines: EngineName[]): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const engine of engines) found.push(await probeEngine(engine));
  return found;
}

/** Starts an engine and runs one product on it. */
async function probeEngine(name: EngineName): Promise<Candidate> {
  const device = name === 'node-gpu' ? 'cuda' : 'cpu';
  try {
    const request = { device, kernels: 'auto', precision: 'fp32', threads: 0, tfjsEngine: name } as const;
    const engine = await loadEngine(name, request);
    const four = engine.tidy(() => engine.tf.matMul([[1, 1]], [[2], [2]]).dataSync()[0]);
    if (four !== 4) throw new Error(`1·2 + 1·2 gave ${four}`);
    const { deviceName, versions, gpuVisible } = engine;
    return {
      engine: name,
      device: engine.device,
      deviceName,
      usable: true,
      reason: '',
      cure: '',
      versions,
      gpuVisible,
    };
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    return unusable({ engine: name, device }, reason, CURES[name]);
  }
}

const CURES: Record<EngineName, string> = {
  ...SETUP,
  wasm: 'npm install @tensorflow/tfjs-backend-wasm@4.22.0',
  cpu: 'npm install @tensorflow/tfjs@4.22.0',
};
