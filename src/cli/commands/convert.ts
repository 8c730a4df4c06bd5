import { statSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomic } from '../../files/atomic';
import { convertModel } from '../../io/convert';
import { formatOfName } from '../../io/formats';
import { DATA_FILE } from '../../runs/run-folder';
import type { Run } from '../command';
import type { convert } from '../options';
import { thousands } from '../output';
import { type KeptData, keptBeside, keptOf, type Missing, missingFor } from '../train/kept';

/** Nothing is computed, so no backend is needed. */
export const run: Run<typeof convert> = async ({ settings, args, out }) => {
  const [source, destination] = [args.source!, args.destination!];
  const { to, allowNonfinite, model } = settings;
  const trained = formatOfName(source) === 'kerasWeights' ? (model ?? source) : source;
  const kept = keptBeside(trained);
  const done = await convertModel(source, destination, { to, allowNonfinite, model });
  const leftOut = [
    ...done.leftOut,
    ...(await keep(kept, missingFor(trained, 'error', 'default', ['mean', 'drop']), destination)),
  ];
  for (const part of leftOut) out.note(`left out: ${part}`);
  const document = { schema: 'fusor.conversion', version: 1, source, destination, ...done, leftOut };
  out.result(
    document,
    () => `${done.from} → ${done.to}: ${thousands(done.parameters)} parameters in ${destination}`,
  );
  return 0;
};

/** How data is taken for the model goes with it where it is a folder. @returns what was left out: one file has no place for it */
async function keep(kept: KeptData, missing: 'error' | Missing, destination: string): Promise<string[]> {
  const content = keptOf(kept);
  if (!content) return [];
  if (statSync(destination).isDirectory()) {
    const all = { ...content, ...(kept.schema && missing !== 'error' && { missing }) };
    await writeAtomic(join(destination, DATA_FILE), `${JSON.stringify(all, null, 2)}\n`);
    return [];
  }
  const { schema, classNames } = kept;
  const parts = [
    schema && (schema.scale === 'standard' ? 'how the columns were standardised' : 'what the columns became'),
    classNames && 'the names of the classes',
  ];
  return [`${parts.filter(Boolean).join(', and ')}: it has no place for them`];
}
