import { join } from 'node:path';
import { FusorError } from '../../errors';
import type { Backend, BackendProvider, Candidate, DeviceRequest } from '../contract';
import { nvidiaDriverPresent } from '../nvidia-driver';
import { probeInChild, unusable } from '../probe';
import type { Engine, EngineName } from './engine';
import { loadEngine } from './engines';
import { visibleGpus } from './gpus';
import { findPackage, type NodeEngine } from './packages';
import { TfjsSession } from './session';
import { SETUP } from './tensorflow';
import { wasmHindrance } from './wasm-memory';

/** For one probe, in ms: TensorFlow's library may take seconds to load from a cold disk. */
const TIMEOUT = 30_000;
/** TensorFlow.js on the best engine present. Importing this loads no tfjs. */
export const provider: BackendProvider = {
  name: 'tfjs',

  /** Each of TensorFlow's packages is tried in a child of its own: a process holds one such library. */
  async probe(engine = 'auto') {
    const asked = (name: EngineName) => engine === 'auto' || engine === name;
    const probes = [
      asked('node-gpu') && probeNodeGpu(),
      asked('node') && probeNode(),
      (asked('wasm') || asked('cpu')) && inChild('wasm', 'cpu'),
    ];
    return (await Promise.all(probes)).flatMap((found) => found || []);
  },

  async open(request) {
    if (request.kernels === 'fused') {
      throw new FusorError('ERR_UNSUPPORTED', [
        'tfjs has no fused kernels',
        '',
        'use --backend native or --kernels auto',
      ]);
    }
    if (request.precision === 'bf16') {
      throw new FusorError('ERR_UNSUPPORTED', [
        'tfjs computes in fp32',
        '',
        'use --precision fp32, or --backend native with a GPU',
      ]);
    }
    return backendOf(await loadEngine(engineFor(request), request));
  },
};

function backendOf(loaded: Engine): Backend {
  const { name: engine, device, deviceName, versions, gpuVisible } = loaded;
  return {
    name: 'tfjs',
    engine,
    device,
    deviceName,
    versions,
    gpuVisible,
    unsupported: (plan) => (engine === 'wasm' ? wasmHindrance(plan) : null),
    createSession: async (plan, state) => new TfjsSession(loaded, plan, state),
  };
}

/** Selection names the engine; asked directly, the best one that cheap checks allow. */
function engineFor({ tfjsEngine, device }: DeviceRequest): EngineName {
  if (tfjsEngine !== 'auto') return tfjsEngine;
  if (device.startsWith('cuda')) return 'node-gpu';
  return findPackage('node') ? 'node' : 'wasm';
}

/** Cheap checks first, so that a machine without the package or a driver is told in no time. */
async function probeNodeGpu(): Promise<Candidate[]> {
  if (!nvidiaDriverPresent())
    return [unusable(subjectOf('node-gpu'), 'no NVIDIA driver', 'install the NVIDIA driver')];
  if (!findPackage('node-gpu')) return [notSetUp('node-gpu')];
  const candidates = await inChild('node-gpu');
  // What serves one GPU serves each.
  const [first] = candidates;
  const each = (deviceName: string, i: number) => ({ ...first, device: `cuda:${i}`, deviceName });
  return first.usable ? visibleGpus().map(each) : candidates;
}

async function probeNode(): Promise<Candidate[]> {
  return findPackage('node') ? inChild('node') : [notSetUp('node')];
}

function inChild(...engines: EngineName[]): Promise<Candidate[]> {
  return probeInChild(join(__dirname, 'probe-here.js'), TIMEOUT, engines.map(subjectOf), engines);
}

const subjectOf = (engine: EngineName) => ({ engine, device: engine === 'node-gpu' ? 'cuda' : 'cpu' });

const notSetUp = (engine: NodeEngine) =>
  unusable(subjectOf(engine), 'TensorFlow for Node is not set up', SETUP[engine]);
