import { convertModel } from '../../io/convert';
import type { Run } from '../command';
import type { convert } from '../options';
import { thousands } from '../output';

/** Nothing is computed, so no backend is needed. */
export const run: Run<typeof convert> = async ({ settings, args, out }) => {
  const [source, destination] = [args.source!, args.destination!];
  const { to, allowNonfinite, model } = settings;
  const done = await convertModel(source, destination, { to, allowNonfinite, model });
  for (const part of done.leftOut) out.note(`left out: ${part}`);
  const document = { schema: 'fusor.conversion', version: 1, source, destination, ...done };
  out.result(
    document,
    () => `${done.from} → ${done.to}: ${thousands(done.parameters)} parameters in ${destination}`,
  );
  return 0;
};
