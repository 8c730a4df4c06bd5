import type { Candidate } from '../../contract';
import type { EngineName } from '../engine';
import { loadEngine } from '../engines';
import { SETUP } from '../tensorflow';

/** Starts an engine and runs one product on it. For child processes: it loads what it probes. */
export async function probeEngine(name: EngineName): Promise<Candidate> {
  const device = name === 'node-gpu' ? 'cuda' : 'cpu';
  const candidate = {
    engine: name,
    device,
    deviceName: '',
    usable: false,
    reason: '',
    cure: '',
    versions: {},
  };
  try {
    const request = { device, kernels: 'auto', precision: 'fp32', threads: 0, tfjsEngine: name } as const;
    const engine = await loadEngine(name, request);
    const four = engine.tidy(() => engine.tf.matMul([[1, 1]], [[2], [2]]).dataSync()[0]);
    if (four !== 4) throw new Error(`1·2 + 1·2 gave ${four}`);
    const { deviceName, versions, gpuVisible } = engine;
    return { ...candidate, device: engine.device, deviceName, versions, gpuVisible, usable: true };
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { ...candidate, reason, cure: CURES[name] };
  }
}

const CURES: Record<EngineName, string> = {
  ...SETUP,
  wasm: 'npm install @tensorflow/tfjs-backend-wasm@4.22.0',
  cpu: 'npm install @tensorflow/tfjs@4.22.0',
};
