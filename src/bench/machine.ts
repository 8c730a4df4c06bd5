/** Where a measurement was made: what belongs beside every figure. */
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { counted } from '../counted';

export interface Machine {
  cpu: string;
  cores: number;
  memoryBytes: number;
  system: string;
  node: string;
  /** What steers the libraries' threads and kernels. */
  variables: Record<string, string>;
}

/** @param env what the measured processes get */
export function machine(env: NodeJS.ProcessEnv): Machine {
  const steering = Object.entries(env).filter(([name]) =>
    /^(OPENBLAS|MKL|OMP|GOMP|KMP|DNNL|ONEDNN)_/.test(name),
  );
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    variables: Object.fromEntries(steering) as Record<string, string>,
  };
}

/** `AMD EPYC · 2 cores · 23.5 GB · linux 6.1 x64 · Node.js v22 · no OPENBLAS_*, MKL_* or OMP_* variables` */
export function machineLine({ cpu, cores, memoryBytes, system, node, variables }: Machine): string {
  const set = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return [
    cpu,
    counted(cores, 'core'),
    `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    system,
    `Node.js ${node}`,
    set.length > 0 ? set.join(' ') : 'no OPENBLAS_*, MKL_* or OMP_* variables',
  ].join(' · ');
}
