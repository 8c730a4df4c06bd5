import { existsSync } from 'node:fs';

/** Whether an NVIDIA driver is loaded: a look at the file system, so that machines without one lose no time. */
export function nvidiaDriverPresent(): boolean {
  return ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/dxg'].some((file) => existsSync(file));
}
