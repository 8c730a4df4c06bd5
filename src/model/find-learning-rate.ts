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
/** Of the steps, to either side of the one whose slope is looked at. */
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
      batchSize,
      seed,
      signal,
      verbose: 0,
      epochs: steps,
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

/**
 * Of the lines through parts of the curve, the one that falls most: two neighbouring points tell of noise only.
 * @internal
 */
export function steepest({ rates, losses }: Omit<LearningRates, 'suggestion'>): number | undefined {
  const half = Math.max(2, Math.ceil(MARGIN * losses.length));
  // The mean has averaged little before.
  const begun = Math.min(Math.ceil(2 / (1 - SMOOTH)), Math.floor(losses.length / 4));
  let [best, at] = [0, -1];
  for (let i = begun + half; i < losses.length - half; i++) {
    const { slope, spread, length } = lineThrough(rates, losses, i - half, i + half + 1);
    // A fall that is no greater than what the points differ by anyway is none.
    if (slope < best && -slope * length > 2 * spread) [best, at] = [slope, i];
  }
  return at < 0 ? undefined : rates[at];
}

/** Least squares of the losses over the logarithm of the rates, for points [from, to). `spread`: how far they are from it. */
function lineThrough(rates: readonly number[], losses: readonly number[], from: number, to: number) {
  const count = to - from;
  const x = rates.slice(from, to).map(Math.log);
  const y = losses.slice(from, to);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / count;
  const [mx, my] = [mean(x), mean(y)];
  const slope = mean(x.map((at, i) => (at - mx) * (y[i] - my))) / mean(x.map((at) => (at - mx) ** 2));
  const spread = Math.sqrt(mean(y.map((value, i) => (value - my - slope * (x[i] - mx)) ** 2)));
  return { slope, spread, length: x[count - 1] - x[0] };
}
