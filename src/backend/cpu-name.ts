import { cpus } from 'node:os';

/** "AMD EPYC, 2 cores": how many threads compute is told apart from it. @param cores that this process may use */
export function cpuName(cores: number): string {
  return `${cpus()[0]?.model.trim() ?? 'CPU'}, ${cores} ${cores === 1 ? 'core' : 'cores'}`;
}
