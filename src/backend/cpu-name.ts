import { cpus } from 'node:os';
import { counted } from '../counted';

/** "AMD EPYC, 2 cores": the number of threads that compute is reported by itself. @param cores that this process may use */
export function cpuName(cores: number): string {
  return `${cpus()[0]?.model.trim() ?? 'CPU'}, ${counted(cores, 'core')}`;
}
