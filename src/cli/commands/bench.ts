import { oneOf } from '../../arguments';
import type { Run } from '../command';
import type { bench as options } from '../options';

export const run: Run<typeof options> = async (call) => {
  const action = oneOf('fusor bench', 'the action', call.args.action, ['kernel', 'train'] as const);
  if (action === 'train') return (await import('../bench/train.js')).train(call);
  return (await import('../bench/kernel.js')).kernel(call);
};
