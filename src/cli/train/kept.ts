/** How data is taken by a command, after what its model was trained on. */
import { isOwnFolder } from '../../data/datasets';
import { FusorError } from '../../errors';
import { type KeptData, keptBeside, keptIn, type Missing, missingOf, settingOf } from '../../io/kept-data';
import { DATA_FILE } from '../../runs/run-folder';

/** A model.json: its model gets new weights, which know nothing of any data. */
export const isConfiguration = (model: string): boolean => /\.json$/i.test(model);

/**
 * How data is to be taken that trains a model further: its inputs and outputs mean what they meant when it was trained.
 * @param run that goes on: what it has kept itself is what it began with
 * @throws ERR_IO, ERR_FILE_FORMAT
 */
export function keptToTrain(model: string | undefined, run?: string): KeptData {
  if (model === undefined || isConfiguration(model)) return {};
  const kept = (run !== undefined && keptIn(run)) || keptBeside(model);
  // What becomes of empty cells is said anew for other rows.
  const { missing: _, ...taken } = kept;
  return taken;
}

/**
 * What becomes of empty cells: what is said, else what became of them in training, if the command can do that.
 * @throws ERR_IO, ERR_FILE_FORMAT
 */
export function missingFor<M extends string, K extends Missing>(
  model: string,
  said: M | undefined,
  possible: readonly K[],
  otherwise: M,
): M | K {
  if (said !== undefined) return said;
  const trained = missingOf(model);
  return possible.find((each) => each === trained) ?? otherwise;
}

/**
 * What a run's model is tried on, or trained on further, where nothing is named: the set that it was trained on.
 * @throws ERR_ARG where that was the user's own data, of which a part trained; ERR_IO, ERR_FILE_FORMAT
 */
export function dataFor(model: string, named: string | undefined): string {
  if (named !== undefined) return named;
  const trained = settingOf(model, 'data');
  if (trained === undefined) return 'mnist';
  if (!isOwnFolder(trained)) return trained;
  throw new FusorError('ERR_ARG', ['no data is named for the model', model, formOf(trained)]);
}

/** Of a run's own data: a cure. */
export const formOf = (trained: string): string => `it was trained on ${trained}: name data of that form`;

/** @param so what is done with the columns of a table, instead of what was done in training */
export function unknownScale(model: string, so: string): string {
  return `warning: ${model} does not say how columns were standardised in training: ${so}, so what comes of them may be wrong; name the run, or a folder with its ${DATA_FILE}`;
}
