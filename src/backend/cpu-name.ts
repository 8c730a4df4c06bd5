import { cpus } from 'node:os';

/** "AMD EPYC, 2 cores": the number of threads that compute is reported by itself. @param cores that this process may use */
export function cpuName(cores: number): string {
  return `${cpus()[0]?.model.trim() ?? 'CPU'}, ${cores} ${cores === 1 ? 'core' : 'cores'}`;
}
