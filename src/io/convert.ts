import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname } from 'node:path';
import { closed, oneOf, text } from '../arguments';
import { FusorError } from '../errors';
import { FORMATS, readModel } from './formats';
import { writeFusorWeights } from './fusor-model';
import { makeFolder } from './model';
import { refuseByName } from './refused';
import { type FormatName, modelOf } from './stored-model';
import { leftOutOf } from './tfjs/training';
import { checkWeights } from './weights-check';

export interface Conversion {
  from: FormatName;
  to: FormatName;
  parameters: number;
  /** What the other format has no place for. */
  leftOut: string[];
}

/**
 * Writes the model at `source` to `destination`, which must not be there yet, and reads it back.
 * @param options to: default by the destination's name (.safetensors: one file of ours), else the format that the
 *   source is not in; allowNonfinite: take weights that are NaN or infinite
 * @throws as loadModel; ERR_ARG for a destination that is there; ERR_IO
 */
export async function convertModel(
  source: string,
  destination: string,
  options: { to?: FormatName; allowNonfinite?: boolean } = {},
): Promise<Conversion> {
  const where = 'convertModel';
  const { to: wanted, allowNonfinite } = closed<typeof options>(where, options, ['to', 'allowNonfinite']);
  const names = Object.keys(FORMATS) as FormatName[];
  const given = wanted === undefined ? undefined : oneOf(where, 'to', wanted, names);
  text(where, 'source', source);
  text(where, 'destination', destination);
  const asFile = extname(destination).toLowerCase() === '.safetensors';
  checkDestination(destination, given, asFile);
  const stored = await readModel(source);
  checkWeights(stored.tensors, stored.weightsFile, { allowNonfinite });
  const model = modelOf(stored.config, stored.configFile);
  const to = given ?? (asFile || stored.format !== 'fusor' ? 'fusor' : 'tfjs');
  // In the model's order, which need not be that of the file.
  const tensors = new Map(
    model.weightNames.map((name) => {
      const { data, shape } = stored.tensors.get(name)!;
      return [name, { shape, data: Float32Array.from(data) }];
    }),
  );
  const config = model.toJSON();
  if (asFile) {
    await makeFolder(dirname(destination));
    await writeFusorWeights(config, tensors, destination);
  } else {
    await makeFolder(destination);
    await FORMATS[to].write(config, tensors, destination);
  }
  const written = await readModel(destination);
  for (const [name, { data }] of tensors) {
    const back = written.tensors.get(name)!.data;
    if (!data.every((value, i) => Object.is(value, back[i])))
      throw new FusorError('ERR_IO', [`${name} reads back otherwise than it was written`, destination]);
  }
  return {
    from: stored.format,
    to,
    parameters: model.parameterCount,
    leftOut: to === 'tfjs' && config.compile ? leftOutOf(config.compile) : [],
  };
}

function checkDestination(path: string, to: FormatName | undefined, asFile: boolean): void {
  refuseByName(path);
  const refuse = (what: string, mend: string) =>
    new FusorError('ERR_ARG', [what, path, mend], { destination: path });
  if (asFile && to === 'tfjs')
    throw refuse('a .safetensors file cannot be of TensorFlow.js', 'name a folder');
  if (!existsSync(path)) return;
  if (!asFile && statSync(path).isDirectory() && readdirSync(path).length === 0) return;
  throw refuse(`${basename(path)} is there already`, 'name another: nothing is replaced');
}
