/** The native backend: libtorch and our own kernels, behind the contract. Importing this loads no native code. */
import path from 'node:path';
import { cacheFolder } from '../../cache-folder';
import { FusorError } from '../../errors';
import type { Backend, BackendProvider, Candidate, DeviceRequest } from '../contract';
import { cpuName } from '../cpu-name';
import { nvidiaDriverPresent } from '../nvidia-driver';
import { probeInChild, unusable } from '../probe';
import { loadBinding, type NativeBinding, type NativeOptions } from './binding';
import { keptProbe } from './kept-probe';
import { openSession } from './session';

export const provider: BackendProvider = {
  name: 'native',

  async probe(_engine, fresh): Promise<Candidate[]> {
    const subject = (device: string) => [{ engine: 'libtorch', device }];
    const gpus = () =>
      nvidiaDriverPresent()
        ? probeInChild(script('probe-cuda'), probeMilliseconds(), subject('cuda'))
        : noDriver;
    const probes = [
      process.env.FUSOR_PLAYED_GPU ? played : gpus(),
      (!fresh && keptProbe()) || probeInChild(script('probe-here'), 30_000, subject('cpu')),
    ];
    return (await Promise.all(probes)).flat();
  },

  async open(request: DeviceRequest): Promise<Backend> {
    return request.device.startsWith('cuda') ? openGpu(request) : openCpu(request);
  },
};

const script = (name: string): string => path.join(__dirname, `${name}.js`);

const gpu = (device: string) => ({ engine: 'libtorch', device });

const noDriver = [
  unusable(gpu('cuda'), 'there is no NVIDIA driver here', 'install one, if there is an NVIDIA GPU'),
];

/** For the tests: the CPU plays the GPU, so that all but the device itself runs without one. */
const played = [{ ...unusable(gpu('cuda:0'), '', ''), usable: true, deviceName: 'played by the CPU' }];

/** A driver's start takes seconds on machines with many GPUs; one that hangs takes for ever. */
const probeMilliseconds = (): number => 1000 * (Number(process.env.FUSOR_PROBE_SECONDS) || 30);

function openCpu({ kernels, precision, threads }: DeviceRequest): Backend {
  const native = loadBinding();
  const info = native.info();
  const isa = process.env.FUSOR_CPU_ISA || 'auto';
  if (precision !== 'fp32') refuse(`precision ${precision} cannot be had on a CPU`, 'use --precision fp32');
  if (isa !== 'auto' && !info.isas.includes(isa)) {
    refuse(`FUSOR_CPU_ISA=${isa} cannot be had on this processor`, `use one of ${info.isas.join(', ')}`);
  }
  const options = { kernels, isa, threads };
  return {
    name: 'native',
    engine: 'libtorch',
    device: 'cpu',
    deviceName: cpuName(info.cores),
    versions: { libtorch: info.libtorch },
    ...sessionsOf(native, options),
  };
}

function openGpu({ device, kernels, precision }: DeviceRequest): Backend {
  const native = loadBinding();
  const { libtorch } = native.info();
  const number = Number(device.split(':')[1] ?? 0);
  const gpu = gpuOf(native, number);
  const options = {
    kernels,
    isa: 'auto',
    threads: 0,
    precision,
    device: gpu.played ? 'played' : `cuda:${number}`,
    cacheFolder: path.join(cacheFolder(), 'kernels'),
  };
  return {
    name: 'native',
    engine: 'libtorch',
    device: `cuda:${number}`,
    deviceName: gpu.name,
    versions: { libtorch, ...gpu.versions },
    precision,
    ...sessionsOf(native, options),
  };
}

/** What runs that way. Framework kernels run any plan. */
function sessionsOf(
  native: NativeBinding,
  options: NativeOptions,
): Pick<Backend, 'unsupported' | 'createSession'> {
  return {
    unsupported(plan) {
      const obstacle = options.kernels === 'fused' ? native.fusedObstacle(plan, options) : null;
      return obstacle && `${obstacle}: 'auto' takes framework kernels`;
    },
    createSession: async (plan, state) => openSession(native, plan, state, options),
  };
}

function gpuOf(
  native: NativeBinding,
  number: number,
): { name: string; versions: Record<string, string>; played: boolean } {
  if (process.env.FUSOR_PLAYED_GPU) return { name: 'played by the CPU', versions: {}, played: true };
  if (!nvidiaDriverPresent()) refuse('there is no NVIDIA driver here', 'use --device cpu');
  const { driver, libtorchCuda, devices } = native.cudaDevices();
  if (!libtorchCuda)
    refuse('this libtorch is a CPU build', "'npx fusor doctor' says how to have a CUDA build");
  if (!devices[number]) refuse(`there is no cuda:${number}`, `the last is cuda:${devices.length - 1}`);
  return {
    name: devices[number].name,
    versions: { cuda: libtorchCuda, driver: `CUDA ${driver}` },
    played: false,
  };
}

function refuse(what: string, mend: string): never {
  throw new FusorError('ERR_BACKEND_UNAVAILABLE', [what, 'native backend', mend]);
}
