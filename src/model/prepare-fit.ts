/** From what the user gave to fit to what the loop takes, every check on the way. */
import { reading, wrong } from '../arguments';
import type { Examples, TrainPlan } from '../backend/contract';
import type { DataShape } from '../data/data-shape';
import { examplesOf } from '../data/examples';
import { type ExampleStream, exampleStream, isRowSource, isStream, type RowSource } from '../data/row-source';
import { sampleWeightsOf, withClassWeights } from '../data/sample-weights';
import { trainRowsOf } from '../data/split';
import { chooseSeed } from '../random';
import { type Checkpoint, checkResume } from '../train/checkpoint';
import { abortError } from '../train/ends';
import { bufferRowsOf } from '../train/feed';
import { type FitJob, UNKNOWN } from '../train/job';
import { type FitOptions, type FitRows, fitOptions, withWeights } from '../train/options';
import { progressPrinter } from '../train/progress';
import type { TrainingConfig } from './compile';
import { requireFitMemory } from './footprint';
import type { Layout } from './layout';
import { planOf } from './plan';

const VALIDATION = 'fit, validationData';

/** What data must fit, and the names of the layers that say so. */
export function dataShape({ inputShape, layers }: Layout, plan: TrainPlan): DataShape {
  return { plan, inputShape, firstLayer: layers[0].name, lastLayer: layers[layers.length - 1].name };
}

/** @throws as fit does before anything is done, the reason of a signal that is aborted already included */
export function prepareFit(...given: Parameters<typeof checkedFit>): Prepared {
  const prepared = reading('fit', () => checkedFit(...given));
  const { signal } = prepared.job;
  if (signal?.aborted) throw abortError(signal);
  return prepared;
}

interface Prepared {
  plan: TrainPlan;
  job: Omit<FitJob, 'session' | 'model' | 'position' | 'disposed' | 'inTurn'>;
}

function checkedFit(
  layout: Layout,
  training: TrainingConfig,
  given: FitRows,
  options: FitOptions,
  resume: Checkpoint | undefined,
): Prepared {
  const { validationSplit, validationData, classWeight, sampleWeight, verbose, ...rest } = fitOptions(
    options,
    resume,
  );
  const seed = rest.seed ?? training.seed ?? chooseSeed();
  const plan = planOf(layout, training, seed);
  const shape = dataShape(layout, plan);
  const examples = rowsOf(shape, withWeights('fit', given, sampleWeight), 'fit');
  const validation = validationData && rowsOf(shape, validationData, VALIDATION);
  const weigh = (rows: Examples, trained: number) => withClassWeights(shape, rows, classWeight, trained);
  let trainRows: number;
  let weighted: FitJob['weighted'];
  if (isStream(examples)) {
    if (validationSplit)
      throw wrong(
        'fit',
        'validationSplit',
        validationSplit,
        '0 with a source of rows',
        'give validationData',
      );
    weigh({ rows: 0, x: new Uint8Array(), y: new Int32Array() }, 0);
    trainRows = examples.rows ?? UNKNOWN;
    if (classWeight !== undefined) weighted = (rows) => ({ ...rows, weights: weigh(rows, rows.rows) });
  } else {
    trainRows = validation ? examples.rows : trainRowsOf(examples.rows, validationSplit);
    examples.weights = weigh(examples, trainRows);
  }
  const held = [examples, validation].filter(
    (rows): rows is Examples => rows !== undefined && !isStream(rows),
  );
  requireFitMemory(plan, rest.batchSize, held);
  const printer = progressPrinter(verbose);
  const callbacks = printer ? [printer, ...rest.callbacks] : rest.callbacks;
  const bufferRows = isStream(examples)
    ? bufferRowsOf(plan, rest.batchSize, rest.bufferRows)
    : (rest.bufferRows ?? null);
  const rows = { examples, trainRows, validation, weighted, bufferRows, classWeight: classWeight ?? null };
  const job = { ...rest, ...rows, plan, seed, callbacks, resume };
  if (resume) checkResume(resume, job);
  return { plan, job };
}

/** @throws what {@link examplesOf} and {@link sampleWeightsOf} throw, of a source when its chunks come */
export function rowsOf(shape: DataShape, given: FitRows, where: string): Examples | ExampleStream {
  if (isRowSource(given)) return exampleStream(shape, given as RowSource, where);
  const examples = examplesOf(shape, given.x, given.y, where);
  return { ...examples, weights: sampleWeightsOf(given.sampleWeight, examples.rows, where) };
}
