/** From what the user gave to fit to what the loop takes, every check on the way. */
import { reading } from '../arguments';
import type { TrainPlan } from '../backend/contract';
import { type DataShape, examplesOf } from '../data/examples';
import type { ArrayLike } from '../data/ndarray';
import { sampleWeightsOf, withClassWeights } from '../data/sample-weights';
import { chooseSeed } from '../random';
import { type Checkpoint, checkResume } from '../train/checkpoint';
import type { FitJob } from '../train/job';
import { type FitOptions, fitOptions, trainRowsOf } from '../train/options';
import { progressPrinter } from '../train/progress';
import { abortError } from '../train/training';
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
  job: Omit<FitJob, 'session' | 'model' | 'position'>;
}

function checkedFit(
  layout: Layout,
  training: TrainingConfig,
  x: ArrayLike,
  y: ArrayLike,
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
  const examples = examplesOf(shape, x, y, 'fit');
  examples.weights = sampleWeightsOf(sampleWeight, examples.rows, 'fit');
  const validation = validationData && examplesOf(shape, validationData[0], validationData[1], VALIDATION);
  if (validation) validation.weights = sampleWeightsOf(validationData[2], validation.rows, VALIDATION);
  const trainRows = validation ? examples.rows : trainRowsOf(examples.rows, validationSplit);
  examples.weights = withClassWeights(shape, examples, classWeight, trainRows);
  requireFitMemory(plan, rest.batchSize, [examples, validation]);
  const printer = progressPrinter(verbose);
  const callbacks = printer ? [printer, ...rest.callbacks] : rest.callbacks;
  const metricNames = plan.metrics.map(({ name }) => name);
  const job = { ...rest, plan, seed, callbacks, metricNames, examples, trainRows, validation, resume };
  if (resume) checkResume(resume, job);
  return { plan, job };
}
