import { oneOf } from '../../arguments';
import type { Run } from '../command';
import type { bench as options } from '../options';

export const run: Run<typeof options> = async (call) => {
  oneOf('fusor bench', 'the action', call.args.action, ['kernel'] as const);
  const { kernel } = await import('../bench/kernel.js');
  return kernel(call);
};
