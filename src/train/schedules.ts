/** Learning rates as functions of the step; those of keras.optimizers.schedules, in float64. Steps count from 0. */
import { boolean, closed, integer, range, real, wrong } from '../arguments';

/** The rate of a step; steps count from 0 since training began, over all fits. */
export type Schedule = (step: number) => number;

/** Those made here: of the step, whatever else a function may be of. */
const made = new WeakSet<object>();
export const isReady = (schedule: object): boolean => made.has(schedule);

function ready(schedule: Schedule): Schedule {
  made.add(schedule);
  return schedule;
}

const MAX_STEPS = { min: 1, max: 2 ** 53 - 1 };

/** rate · factor^⌊step/every⌋: a stair. */
function stepDecay(options: { rate: number; every: number; factor?: number }): Schedule {
  const where = 'schedules.step';
  const o = closed<typeof options>(where, options, ['rate', 'every', 'factor']);
  const every = integer(where, 'every', o.every, MAX_STEPS);
  return exponential(where, o.rate, every, real(where, 'factor', o.factor, 0.1, range.positive), true);
}

/** rate · decay^(step/steps); with staircase step/steps is rounded down. Keras' ExponentialDecay. */
function exponentialDecay(options: {
  rate: number;
  steps: number;
  decay: number;
  staircase?: boolean;
}): Schedule {
  const where = 'schedules.exponential';
  const o = closed<typeof options>(where, options, ['rate', 'steps', 'decay', 'staircase']);
  const steps = integer(where, 'steps', o.steps, MAX_STEPS);
  const decay = real(where, 'decay', o.decay, undefined, range.positive);
  return exponential(where, o.rate, steps, decay, boolean(where, 'staircase', o.staircase, false));
}

function exponential(where: string, rate: unknown, steps: number, decay: number, stair: boolean): Schedule {
  const initial = real(where, 'rate', rate, undefined, range.positive);
  return ready((step) => initial * decay ** (stair ? Math.floor(step / steps) : step / steps));
}

/**
 * Half a wave of the cosine from `rate` down to rate·alpha (default 0) in `steps` steps, and so on after them; before that
 * `warmupSteps` (default 0) steps straight from `from` (default 0) up to `rate`. Keras' CosineDecay.
 */
function cosineDecay(options: {
  rate: number;
  steps: number;
  alpha?: number;
  warmupSteps?: number;
  from?: number;
}): Schedule {
  const where = 'schedules.cosine';
  const o = closed<typeof options>(where, options, ['rate', 'steps', 'alpha', 'warmupSteps', 'from']);
  const rate = real(where, 'rate', o.rate, undefined, range.positive);
  const steps = integer(where, 'steps', o.steps, MAX_STEPS);
  const alpha = real(where, 'alpha', o.alpha, 0, [(v) => v >= 0 && v <= 1, 'from 0 to 1']);
  const warmup = integer(where, 'warmupSteps', o.warmupSteps, { ...MAX_STEPS, min: 0, fallback: 0 });
  const from = real(where, 'from', o.from, 0, range.notNegative);
  return ready((step) => {
    if (step < warmup) return from + ((rate - from) * step) / warmup;
    const wave = 0.5 * (1 + Math.cos((Math.PI * Math.min(step - warmup, steps)) / steps));
    return rate * ((1 - alpha) * wave + alpha);
  });
}

/** values[i] up to and with step boundaries[i], the last value after them. Keras' PiecewiseConstantDecay. */
function piecewise(options: { boundaries: readonly number[]; values: readonly number[] }): Schedule {
  const where = 'schedules.piecewise';
  const o = closed<typeof options>(where, options, ['boundaries', 'values']);
  const list = (name: 'boundaries' | 'values'): number[] => {
    if (!Array.isArray(o[name])) throw wrong(where, name, o[name], 'an array of numbers');
    return o[name].map((value: unknown) => real(where, `${name}[…]`, value, undefined, range.notNegative));
  };
  const [boundaries, values] = [list('boundaries'), list('values')];
  if (values.length !== boundaries.length + 1)
    throw wrong(where, 'values', values, `an array of one more than the ${boundaries.length} boundaries`);
  if (boundaries.some((boundary, i) => i > 0 && boundary <= boundaries[i - 1]))
    throw wrong(where, 'boundaries', boundaries, 'an array of steps that grow');
  return ready((step) => {
    const at = boundaries.findIndex((boundary) => step <= boundary);
    return values[at < 0 ? boundaries.length : at];
  });
}

/** Ready schedules for {@link learningRateScheduler}. All throw ERR_ARG naming the option. */
export const schedules = { step: stepDecay, exponential: exponentialDecay, cosine: cosineDecay, piecewise };
