import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Whether there is an NVIDIA driver to ask: a look at the file system, so that machines without one lose no time. Its
 * kernel module shows, or its library lies where the linker is told to look first.
 */
export function nvidiaDriverPresent(env = process.env): boolean {
  const folders = env.LD_LIBRARY_PATH?.split(':').filter(Boolean) ?? [];
  const libraries = folders.map((folder) => join(folder, 'libcuda.so.1'));
  return ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/dxg', ...libraries].some((file) =>
    existsSync(file),
  );
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
