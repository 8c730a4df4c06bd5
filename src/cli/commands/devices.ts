import { devices } from '../../index';
import type { Run } from '../command';
import { describeDevice } from '../doctor/backends';
import type { devices as options } from '../options';
import { table } from '../output';

export const run: Run<typeof options> = async ({ out }) => {
  const found = await devices();
  out.result({ schema: 'fusor.devices', version: 1, devices: found }, () => {
    const rows = found.map((candidate) => {
      const { backend, engine, device, usable, reason, cure } = candidate;
      const last = usable ? describeDevice(candidate) : [reason, cure].filter(Boolean).join(' · ');
      return [usable ? '✓' : '✗', backend, engine, device, last];
    });
    return table(['', 'backend', 'engine', 'device', 'name, or why not'], rows);
  });
  return 0;
};
