import { closed, integer, range, real, wrong } from '../arguments';
import type { ArrayLike } from '../data/ndarray';
import type { Callback } from '../train/callbacks';
import { learningRateScheduler } from '../train/learning-rate';
import { Model } from './model';

export interface FindLearningRateOptions {
  /** The first rate; default 1e-6. */
  from?: number;
  /** The last; default 10. */
  to?: number;
  /** Steps from one to the other, each greater by the same factor; default 200. */
  steps?: number;
  /** Default 32. */
  batchSize?: number;
  /** Of the order of rows, and of weights that nothing has drawn yet; default: compile's, else at random. */
  seed?: number;
  /** Ends it: what its reason is, is thrown. The weights are those of before. */
  signal?: AbortSignal;
}

export interface LearningRates {
  /** As far as training went: it ends where the loss is four times its least, or not finite. */
  rates: number[];
  /** Of each step, smoothed: an exponential mean with 0.9, freed of its bias. */
  losses: number[];
  /** Where the loss falls most steeply against the logarithm of the rate; undefined where it never falls. */
  suggestion: number | undefined;
}

const SMOOTH = 0.9;
const DIVERGED = 4;
/** At neither end is a slope to be trusted: the mean has just begun there, or the loss is on its way up. */
const MARGIN = 0.05;

/**
 * Trains with a rate that grows from step to step, and tells at which the loss falls fastest: Smith's range test,
 * https://arxiv.org/abs/1506.01186. The model is as it was afterwards.
 * @throws ERR_ARG, and as fit does
 */
export async function findLearningRate(
  model: Model,
  x: ArrayLike,
  y: ArrayLike,
  options?: FindLearningRateOptions,
): Promise<LearningRates> {
  const where = 'findLearningRate';
  if (!(model instanceof Model)) throw wrong(where, 'model', model, 'made by sequential or loadModel');
  const o = closed<FindLearningRateOptions>(where, options, [
    'from',
    'to',
    'steps',
    'batchSize',
    'seed',
    'signal',
  ]);
  const from = real(where, 'from', o.from, 1e-6, range.positive);
  const to = real(where, 'to', o.to, 10, [
    (v) => v > from && v <= 3.4e38,
    `greater than ${from} and at most 3.4e38`,
  ]);
  const steps = integer(where, 'steps', o.steps, { min: 10, max: 1_000_000, fallback: 200 });
  const { batchSize = 32, seed, signal } = o;
  const rateOf = (step: number) => from * (to / from) ** (step / (steps - 1));
  const found: LearningRates = { rates: [], losses: [], suggestion: undefined };
  const watch = watcher(found, rateOf, steps);
  let first = 0;
  const begin: Callback = {
    onTrainBegin: ({ step }) => {
      first = step;
    },
  };
  const schedule = (step: number) => rateOf(Math.min(steps - 1, step - first));
  await model.untouched(() =>
    // There is at least one step an epoch, however few rows there are.
    model.fit(x, y, {
      ...{ batchSize, signal, verbose: 0, epochs: steps },
      ...(seed !== undefined && { seed }),
      callbacks: [learningRateScheduler(schedule, { by: 'step' }), begin, watch],
    }),
  );
  found.suggestion = steepest(found);
  return found;
}

function watcher(found: LearningRates, rateOf: (step: number) => number, steps: number): Callback {
  let [mean, least] = [0, Number.POSITIVE_INFINITY];
  const note = (loss: number): boolean => {
    const step = found.losses.length;
    if (step === steps || !Number.isFinite(loss)) return false;
    mean = SMOOTH * mean + (1 - SMOOTH) * loss;
    const smoothed = mean / (1 - SMOOTH ** (step + 1));
    found.rates.push(rateOf(step));
    found.losses.push(smoothed);
    least = Math.min(least, smoothed);
    return smoothed <= DIVERGED * least;
  };
  return {
    everyBatches: 20,
    onBatchEnd(_batch, _logs, context, losses): void {
      if (!losses.every(note) || found.losses.length === steps) context.stop();
    },
    onNonFinite: (_loss, context) => context.stop(),
  };
}

function steepest({ rates, losses }: LearningRates): number | undefined {
  const margin = Math.ceil(MARGIN * losses.length);
  let [best, at] = [0, -1];
  for (let i = Math.max(1, margin); i < losses.length - Math.max(1, margin); i++) {
    const slope = (losses[i + 1] - losses[i - 1]) / Math.log(rates[i + 1] / rates[i - 1]);
    if (slope < best) [best, at] = [slope, i];
  }
  return at < 0 ? undefined : rates[at];
}
