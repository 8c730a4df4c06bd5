import { exitStatusOf } from '../../errors';
import type { Run } from '../command';
import { checkAddon, checkBackends, checkLibtorch, checkTensorflow } from '../doctor/backends';
import { bad, type Check } from '../doctor/check';
import { checkCache, checkData, checkDriver } from '../doctor/places';
import { checkNode, checkPackages, checkPrograms } from '../doctor/programs';
import type { doctor } from '../options';

export const run: Run<typeof doctor> = async ({ settings, out }) => {
  const [programs, driver, libtorch, addon, tensorflow, backends] = await Promise.all([
    checkPrograms(),
    checkDriver(),
    checkLibtorch(),
    checkAddon(),
    checkTensorflow(),
    checkBackends(),
  ]);
  const machine = [
    checkNode(),
    checkPackages(),
    ...programs,
    driver,
    checkCache(),
    checkData(settings.dataDir),
  ];
  const simulated = process.env.FUSOR_FAULT
    ? [bad('FUSOR_FAULT', 'set: the CPU plays a GPU that fails, in every training', 'unset it')]
    : [];
  const checks = [...machine, libtorch, addon, ...tensorflow, ...backends, ...simulated];
  const usable = backends.some(({ ok }) => ok);
  out.result({ schema: 'fusor.doctor', version: 1, usable, checks }, () => {
    const width = Math.max(...checks.map(({ name }) => name.length));
    const verdict = usable ? 'fusor can train here.' : 'No backend is usable: fusor cannot train here.';
    return [...checks.map((check) => line(check, width)), '', verdict].join('\n');
  });
  return usable ? 0 : exitStatusOf({ code: 'ERR_BACKEND_UNAVAILABLE' });
};

function line({ name, ok, found, cure }: Check, width: number): string {
  return `${ok ? 'ok ' : 'not'}  ${name.padEnd(width)}  ${[found, cure].filter(Boolean).join(' · ')}`;
}
