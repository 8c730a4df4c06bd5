/** The native backend: libtorch and our own kernels, behind the contract. Importing this loads no native code. */
import path from 'node:path';
import { FusorError } from '../../errors';
import type { Backend, BackendProvider, DeviceRequest, SessionState, TrainPlan } from '../contract';
import { probeInChild } from '../probe';
import { loadBinding } from './binding';
import { cpuName } from './probe-here';
import { openSession } from './session';

export const provider: BackendProvider = {
  name: 'native',

  probe: () =>
    probeInChild(path.join(__dirname, 'probe-here.js'), 30_000, [{ engine: 'libtorch', device: 'cpu' }]),

  async open(request: DeviceRequest): Promise<Backend> {
    const native = loadBinding();
    const info = native.info();
    refuseWhatIsNotHere(request, info.isas);
    const isa = process.env.FUSOR_CPU_ISA ?? 'auto';
    return {
      name: 'native',
      engine: 'libtorch',
      device: 'cpu',
      deviceName: cpuName(info.cores),
      versions: { libtorch: info.libtorch },
      unsupported: ({ optimizer }: TrainPlan) =>
        request.kernels === 'fused' && optimizer.clipNorm !== undefined
          ? "clipNorm needs whole gradients, which fused kernels never hold: 'auto' takes framework kernels"
          : null,
      createSession: async (plan: TrainPlan, state: SessionState) =>
        openSession(native, plan, state, { kernels: request.kernels, isa, threads: request.threads }),
    };
  },
};

function refuseWhatIsNotHere({ device, precision }: DeviceRequest, isas: string[]): void {
  const refuse = (what: string, mend: string): never => {
    throw new FusorError('ERR_BACKEND_UNAVAILABLE', [what, 'native backend', mend]);
  };
  if (device.startsWith('cuda')) refuse(`device ${device} cannot be had`, 'use --device cpu');
  if (precision !== 'fp32') refuse(`precision ${precision} cannot be had on a CPU`, 'use --precision fp32');
  const isa = process.env.FUSOR_CPU_ISA;
  if (isa && isa !== 'auto' && !isas.includes(isa)) {
    refuse(`FUSOR_CPU_ISA=${isa} cannot be had on this processor`, `use one of ${isas.join(', ')}`);
  }
}
