import { devices } from '../../index';
import type { Run } from '../command';
import type { devices as options } from '../options';
import { table } from '../output';

export const run: Run<typeof options> = async ({ out }) => {
  const found = await devices();
  out.result({ schema: 'fusor.devices', version: 1, devices: found }, () => {
    const rows = found.map(({ backend, engine, device, deviceName, usable, reason, cure }) => [
      usable ? '✓' : '✗',
      backend,
      engine,
      device,
      usable ? deviceName : [reason, cure].filter(Boolean).join(' · '),
    ]);
    return table(['', 'backend', 'engine', 'device', 'name, or why not'], rows);
  });
  return 0;
};
