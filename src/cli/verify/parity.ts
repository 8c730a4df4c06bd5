/** What "the same training" means in numbers, and whether two traces keep to it. */
import type { Trace } from './trace-files';

/** Of the contract: weights within 1e-6 after a step and 1e-4 after a hundred, a straight line between. */
export const PROMISED_STEPS = 100;
/** The steps after which weights are compared. */
export const COMPARED_STEPS = [1, 10, PROMISED_STEPS];
/** Of the mean loss over an epoch. */
const EPOCH_TOLERANCE = 1e-2;

/** Relative L2 of each weight after `step` steps; nothing is promised beyond a hundred. */
export function weightTolerance(step: number): number {
  return step > PROMISED_STEPS ? Number.POSITIVE_INFINITY : (1e-4 * step) / PROMISED_STEPS;
}

/** Relative, of the loss of one step. It is a sum in float32: even from equal weights the last digits differ. */
export function lossTolerance(step: number): number {
  return step > PROMISED_STEPS ? EPOCH_TOLERANCE : Math.max(1e-5, weightTolerance(step));
}

/** ‖a − b‖ / ‖b‖, 0 for equal; NaN where sizes differ or something is not finite: no tolerance admits it. */
export function relativeL2(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

/** |a − b| / |b|; losses below a thousandth count as one. */
export function lossDifference(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(Math.abs(b), 1e-3);
}

/** The greatest difference of losses in the first `steps` steps; NaN wins. */
function greatestLossDifference(a: Trace, b: Trace, steps: number): number {
  let greatest = 0;
  for (let i = 0; i < Math.min(steps, b.losses.length); i++) {
    const difference = lossDifference(a.losses[i], b.losses[i]);
    if (!(difference <= greatest)) greatest = difference;
  }
  return greatest;
}

/** Relative L2 of a weight that rounding explains, as of the one of whom less is explained; a witness may not tell. */
function roundingShare(a: Trace, b: Trace, name: string, values: Float32Array): number {
  const told = [a, b].flatMap(({ rounding }) => rounding.get(name) ?? []);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return told.length > 0 && norm > 0 ? Math.min(...told) / norm : 0;
}

export interface WorstTensor {
  name: string;
  difference: number;
  tolerance: number;
}

/** The weight that is most beyond what is allowed after `step` steps, or nearest to it. */
export function worstTensor(a: Trace, b: Trace, step: number): WorstTensor {
  let worst: WorstTensor = { name: '', difference: 0, tolerance: 0 };
  let greatest = -1;
  for (const [name, values] of b.snapshots.get(step)!) {
    const difference = relativeL2(a.snapshots.get(step)!.get(name)!, values);
    const tolerance = weightTolerance(step) + (step > 0 ? roundingShare(a, b, name, values) : 0);
    // Where nothing, or everything, is allowed the difference itself counts.
    const share = tolerance > 0 && Number.isFinite(tolerance) ? difference / tolerance : difference;
    if (!(share > greatest || Number.isNaN(share)) || Number.isNaN(greatest)) continue;
    greatest = share;
    worst = { name, difference, tolerance };
  }
  return worst;
}

/** The first step, from 1, whose loss is too far off; undefined when none is. */
export function firstLossApart(a: Trace, b: Trace): number | undefined {
  const at = b.losses.findIndex((loss, i) => !(lossDifference(a.losses[i], loss) <= lossTolerance(i + 1)));
  return at < 0 ? undefined : at + 1;
}

/** One column of the table: a difference and what is allowed, null where nothing is promised. */
export interface Compared {
  difference: number;
  tolerance: number | null;
}

export interface Differences {
  /** By steps done: the greatest difference of a step's loss so far. */
  losses: Record<string, Compared>;
  /** By steps done: the worst weight's. */
  weights: Record<string, Compared & { tensor: string }>;
  /** Of the mean over the epoch. */
  epochLoss: Compared | null;
}

export function differences(a: Trace, b: Trace): Differences {
  const steps = COMPARED_STEPS.filter((step) => step <= b.losses.length);
  const weights = [...b.snapshots.keys()]
    .filter((step) => step > 0)
    .map((step) => {
      const { name: tensor, difference, tolerance } = worstTensor(a, b, step);
      return [step, { tensor, difference, tolerance: Number.isFinite(tolerance) ? tolerance : null }];
    });
  const losses = steps.map((step) => [
    step,
    { difference: greatestLossDifference(a, b, step), tolerance: lossTolerance(step) },
  ]);
  const epochLoss =
    b.epochLoss === null
      ? null
      : { difference: lossDifference(a.epochLoss ?? Number.NaN, b.epochLoss), tolerance: EPOCH_TOLERANCE };
  return { losses: Object.fromEntries(losses), weights: Object.fromEntries(weights), epochLoss };
}

/** Whether every difference is within its tolerance; NaN never is. */
export function within({ losses, weights, epochLoss }: Differences): boolean {
  return [...Object.values(losses), ...Object.values(weights), ...(epochLoss ? [epochLoss] : [])].every(
    ({ difference, tolerance }) => tolerance === null || difference <= tolerance,
  );
}
