import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Whether an NVIDIA driver is loaded: a look at the file system, so that machines without one lose no time. */
export function nvidiaDriverPresent(): boolean {
  return ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/dxg'].some((file) => existsSync(file));
}

/** The models of the GPUs, such as "NVIDIA H200", in the order of the PCI bus; empty where the driver lists none (WSL). */
export function nvidiaGpus(folder = '/proc/driver/nvidia/gpus'): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((bus) => {
      const information = readFileSync(`${folder}/${bus}/information`, 'utf8');
      return /^Model:\s*(.+)$/m.exec(information)?.[1] ?? 'NVIDIA GPU';
    });
}
