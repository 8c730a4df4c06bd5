import { join } from 'node:path';
import { FusorError } from '../../errors';
import type {
  Backend,
  BackendProvider,
  Candidate,
  DeviceRequest,
  SessionState,
  TrainPlan,
} from '../contract';
import { nvidiaDriverPresent } from '../nvidia-driver';
import { probeInChild } from '../probe';
import type { Engine, EngineName } from './engine';
import { loadEngine } from './engines';
import { visibleGpus } from './gpus';
import { findPackage, type NodeEngine } from './packages';
import { TfjsSession } from './session';
import { SETUP } from './tensorflow';
import { wasmHindrance } from './wasm-memory';

/** For one probe, in ms: TensorFlow's library may take seconds to load from a cold disk. */
const TIMEOUT = 30_000;
const PORTABLE = [
  { engine: 'wasm', device: 'cpu' },
  { engine: 'cpu', device: 'cpu' },
];

/** TensorFlow.js on the best engine present. Importing this loads no tfjs. */
export const provider: BackendProvider = {
  name: 'tfjs',

  /** Each of TensorFlow's packages is tried in a child of its own: a process holds one such library. */
  async probe(engine = 'auto') {
    const asked = (name: EngineName) => engine === 'auto' || engine === name;
    const probes = [
      asked('node-gpu') && probeNodeGpu(),
      asked('node') && probeNode(),
      (asked('wasm') || asked('cpu')) &&
        probeInChild(join(__dirname, 'probes', 'portable.js'), TIMEOUT, PORTABLE),
    ];
    const found = (await Promise.all(probes)).filter((availability) => availability !== false);
    return { candidates: found.flatMap(({ candidates }) => candidates) };
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
        'use --backend native or --precision fp32',
      ]);
    }
    return new TfjsBackend(await loadEngine(engineFor(request), request));
  },
};

class TfjsBackend implements Backend {
  readonly name = 'tfjs';
  readonly engine: string;
  readonly device: string;
  readonly deviceName: string;
  readonly versions: Record<string, string>;
  readonly gpuVisible: boolean | undefined;

  constructor(private readonly loaded: Engine) {
    this.engine = loaded.name;
    this.device = loaded.device;
    this.deviceName = loaded.deviceName;
    this.versions = loaded.versions;
    this.gpuVisible = loaded.gpuVisible;
  }

  unsupported(plan: TrainPlan): string | null {
    return this.engine === 'wasm' ? wasmHindrance(plan) : null;
  }

  async createSession(plan: TrainPlan, state: SessionState): Promise<TfjsSession> {
    return new TfjsSession(this.loaded, plan, state);
  }
}

/** Selection names the engine; asked directly, the best one that cheap checks allow. */
function engineFor({ tfjsEngine, device }: DeviceRequest): EngineName {
  if (tfjsEngine !== 'auto') return tfjsEngine;
  if (device.startsWith('cuda')) return 'node-gpu';
  return findPackage('node') ? 'node' : 'wasm';
}

/** Cheap checks first, so that a machine without the package or a driver is told in no time. */
async function probeNodeGpu() {
  if (!nvidiaDriverPresent())
    return absent('node-gpu', 'cuda', 'no NVIDIA driver', 'install the NVIDIA driver');
  if (!findPackage('node-gpu')) return notSetUp('node-gpu', 'cuda');
  const { candidates } = await probeInChild(join(__dirname, 'probes', 'node-gpu.js'), TIMEOUT, [
    { engine: 'node-gpu', device: 'cuda' },
  ]);
  // What serves one GPU serves each.
  const [first] = candidates;
  const each = (deviceName: string, i: number) => ({ ...first, device: `cuda:${i}`, deviceName });
  return { candidates: first.usable ? visibleGpus().map(each) : candidates };
}

async function probeNode() {
  if (!findPackage('node')) return notSetUp('node', 'cpu');
  return probeInChild(join(__dirname, 'probes', 'node.js'), TIMEOUT, [{ engine: 'node', device: 'cpu' }]);
}

function notSetUp(engine: NodeEngine, device: string) {
  return absent(engine, device, 'TensorFlow for Node is not set up', SETUP[engine]);
}

function absent(engine: EngineName, device: string, reason: string, cure: string) {
  const candidate: Candidate = { engine, device, deviceName: '', usable: false, reason, cure, versions: {} };
  return { candidates: [candidate] };
}
