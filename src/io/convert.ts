import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { closed, oneOf, text } from '../arguments';
import { FusorError } from '../errors';
import { FORMAT_NAMES, FORMATS, formatOfName, readConfig, readModel, writerOf } from './formats';
import { carryKept } from './kept-data';
import { readKerasWeights } from './keras/model';
import { makeFolder } from './model';
import { type FormatName, modelOf, type StoredModel } from './stored-model';
import { checkWeights } from './weights-check';

export interface Conversion {
  from: FormatName;
  to: FormatName;
  parameters: number;
  /** What of the source has no counterpart here, and what the other format has no place for. */
  leftOut: string[];
}

export interface ConvertOptions {
  /** Default by the destination's name (x.keras, x.onnx, …), else the folder's format that the source is not in. */
  to?: FormatName;
  /** Take weights that are NaN or infinite. */
  allowNonfinite?: boolean;
  /** The model of a .weights.h5, which holds none: a model, a run's folder or a model.json. */
  model?: string;
}

/**
 * Writes the model at `source` to `destination`, which must not be there yet, and reads it back where that can be done. The
 * data.json of a run, which says how its data was taken, goes along into a folder.
 * @throws as loadModel; ERR_ARG for a destination that is there, or of a format that is not written; ERR_IO
 */
export async function convertModel(
  source: string,
  destination: string,
  options: ConvertOptions = {},
): Promise<Conversion> {
  const where = 'convertModel';
  const {
    to: wanted,
    allowNonfinite,
    model: of,
  } = closed<ConvertOptions>(where, options, ['to', 'allowNonfinite', 'model']);
  const given = wanted === undefined ? undefined : oneOf(where, 'to', wanted, FORMAT_NAMES);
  text(where, 'source', source);
  text(where, 'destination', destination);
  const named = formatOfName(destination);
  const early = writerOf(where, destination, given ?? named);
  checkDestination(destination, early.asFile);
  const stored = await readSource(source, of);
  checkWeights(stored.tensors, stored.weightsFile, { allowNonfinite });
  const model = modelOf(stored.config, stored.configFile);
  const { format, write, asFile } =
    given || named ? early : writerOf(where, destination, stored.format === 'fusor' ? 'tfjs' : 'fusor');
  // In the model's order, which need not be that of the file.
  const tensors = new Map(
    model.weightNames.map((name) => {
      const { data, shape } = stored.tensors.get(name)!;
      return [name, { shape, data: Float32Array.from(data) }];
    }),
  );
  const config = model.toJSON();
  await makeFolder(asFile ? dirname(destination) : destination);
  await write(config, tensors, destination);
  if (format === 'kerasWeights') compare(tensors, await readKerasWeights(destination, model), destination);
  else if (FORMATS[format].read) compare(tensors, (await readModel(destination)).tensors, destination);
  // Weights by themselves are of a model that was trained elsewhere.
  const trained = stored.format === 'kerasWeights' ? (of ?? source) : source;
  return {
    from: stored.format,
    to: format,
    parameters: model.parameterCount,
    leftOut: [
      ...(stored.leftOut ?? []),
      ...((config.compile && FORMATS[format].leftOut?.(config.compile)) ?? []),
      ...(await carryKept(trained, destination)),
    ],
  };
}

async function readSource(source: string, of: string | undefined): Promise<StoredModel> {
  if (formatOfName(source) !== 'kerasWeights') return readModel(source);
  if (of === undefined) return readModel(source);
  const { config, file } = of.endsWith('.json')
    ? { config: await readConfig(of), file: of }
    : await readModel(of).then(({ config: found, configFile }) => ({ config: found, file: configFile }));
  const tensors = await readKerasWeights(source, modelOf(config, file));
  const maker = 'Keras';
  return { format: 'kerasWeights', config, tensors, maker, configFile: file, weightsFile: source };
}

function compare(
  tensors: StoredModel['tensors'],
  written: StoredModel['tensors'],
  destination: string,
): void {
  for (const [name, { data }] of tensors) {
    const back = written.get(name)!.data;
    if (!data.every((value: number, i: number) => Object.is(value, back[i])))
      throw new FusorError('ERR_IO', [`${name} reads back otherwise than it was written`, destination]);
  }
}

function checkDestination(path: string, asFile: boolean): void {
  if (!existsSync(path)) return;
  if (!asFile && statSync(path).isDirectory() && readdirSync(path).length === 0) return;
  throw new FusorError(
    'ERR_ARG',
    [`${basename(path)} is there already`, path, 'name another: nothing is replaced'],
    { destination: path },
  );
}
