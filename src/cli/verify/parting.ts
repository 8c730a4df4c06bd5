/** Where two trainings part: the first step, the weight, and what it may be. */
import {
  differences,
  firstLossApart,
  lossDifference,
  lossTolerance,
  PROMISED_STEPS,
  relativeL2,
  within,
  worstTensor,
} from './parity';
import type { Trace } from './trace-files';
import { failed, type Shapes, type Tracer } from './tracers';

export interface Parting {
  /** The first step, from 1, after which they differ by too much; 0: before training. */
  step: number;
  /** The weight that differs most there, `layer/kernel`; 'loss' where the loss differs and no weight does yet. */
  tensor: string;
  difference: number;
  tolerance: number;
  /** What can be told of the cause. */
  cause: string;
}

/** Bytes of weights that each of two processes may leave to be compared at once. */
const SNAPSHOT_BYTES = 2 ** 28;

/**
 * The first step at which `a` parts from `b`, null when it stays within the tolerances. Where it lies between two
 * snapshots, both train again and keep more of them.
 */
export async function partingOf(
  a: { tracer: Tracer; trace: Trace },
  b: { tracer: Tracer; trace: Trace },
  shapes: Shapes,
  signal: AbortSignal,
): Promise<Parting | null> {
  const found = seen(a.trace, b.trace);
  if (!found) return within(differences(a.trace, b.trace)) ? null : atEpochEnd(a.trace, b.trace);
  let { lower, upper } = found;
  let traces = [a.trace, b.trace];
  const bytes = 4 * [...b.trace.snapshots.get(0)!.values()].reduce((sum, { length }) => sum + length, 0);
  while (upper - lower > 1 || (upper > lower && !traces[0].snapshots.has(upper))) {
    const count = Math.max(2, Math.floor(SNAPSHOT_BYTES / bytes));
    const snapshots = spread(lower, upper, count);
    const [mine, its] = [
      await a.tracer.trace({ snapshots, epoch: false }, signal),
      await b.tracer.trace({ snapshots, epoch: false }, signal),
    ];
    if (failed(mine) || failed(its)) break;
    // What rounding may have done in the first step was told by the first traces.
    traces = [
      { ...mine, rounding: a.trace.rounding },
      { ...its, rounding: b.trace.rounding },
    ];
    const apart = snapshots.find((step) => !agree(traces[0], traces[1], step));
    if (apart === undefined) break;
    upper = apart;
    lower = snapshots[snapshots.indexOf(apart) - 1] ?? lower;
  }
  const [left, right] = traces;
  if (right.snapshots.has(upper) && !agree(left, right, upper))
    return weightParting(left, right, upper, shapes);
  return lossParting(a.trace, b.trace, found.loss ?? upper);
}

/** Weights are apart after `upper`, or may be, and are not after `lower`; `loss` is the first loss that is apart. */
function seen(a: Trace, b: Trace): { lower: number; upper: number; loss?: number } | null {
  const steps = [...b.snapshots.keys()].sort((x, y) => x - y);
  const apart = steps.find((step) => !agree(a, b, step));
  if (apart === 0) return { lower: 0, upper: 0 };
  const loss = firstLossApart(a, b);
  const early = loss !== undefined && loss <= PROMISED_STEPS ? loss : undefined;
  if (apart === undefined && early === undefined) return null;
  // A loss is computed before its step's update: the weights that made it are those after the step before.
  const upper = Math.min(
    apart ?? Number.POSITIVE_INFINITY,
    early === undefined ? Number.POSITIVE_INFINITY : early - 1,
  );
  const lower = Math.max(0, ...steps.filter((step) => step < upper));
  return { lower, upper, loss: early };
}

function agree(a: Trace, b: Trace, step: number): boolean {
  if (!a.snapshots.has(step) || !b.snapshots.has(step)) return false;
  // Initial weights are promised to the bit.
  const { difference, tolerance } = worstTensor(a, b, step);
  return difference <= tolerance;
}

/** Steps in (lower, upper], at most `count`, the last of them upper. */
function spread(lower: number, upper: number, count: number): number[] {
  const between = upper - lower;
  const steps = Math.min(between, count);
  // Rounding makes no two of them one: they are at least 1 apart.
  return Array.from({ length: steps }, (_, i) => lower + Math.round(((i + 1) * between) / steps));
}

function weightParting(a: Trace, b: Trace, step: number, shapes: Shapes): Parting {
  const { name, difference, tolerance } = worstTensor(a, b, step);
  return { step, tensor: name, difference, tolerance, cause: causeInWeights() };

  function causeInWeights(): string {
    if (step === 0) {
      const [mine, its] = [a.snapshots.get(0)!.get(name)!, b.snapshots.get(0)!.get(name)!];
      return isTranspose(mine, its, shapes.get(name)!)
        ? 'its initial weights are the transpose'
        : 'its initial weights are others';
    }
    if (step > 1) return `until step ${step - 1} it agreed`;
    return `weights before and the loss of step 1 agree: ${causeInUpdate(a, b)}`;
  }
}

function causeInUpdate(a: Trace, b: Trace): string {
  if (a.slots.size === 0 || b.slots.size === 0) return "its gradient or its optimiser's formula is another";
  // A gradient in which most cancels keeps fewer digits than the weights.
  const other = [...b.slots].find(([name, slot]) => !(relativeL2(a.slots.get(name)!, slot) <= 1e-4));
  return other
    ? `its gradient is another (${other[0]})`
    : "its gradient agrees, too: its optimiser's formula is another (epsilon, bias correction, rate)";
}

function lossParting(a: Trace, b: Trace, step: number): Parting {
  const [mine, its] = [a.losses[step - 1], b.losses[step - 1]];
  const initial = lossDifference(a.initialLoss, b.initialLoss) <= lossTolerance(1);
  const cause = initial
    ? 'the weights agree, and so does the loss of the first rows before training: its batch holds other rows'
    : 'the weights agree: its forward pass or its loss is another';
  return {
    step,
    tensor: 'loss',
    difference: lossDifference(mine, its),
    tolerance: lossTolerance(step),
    cause,
  };
}

/** Beyond the steps for which weights are promised. */
function atEpochEnd(a: Trace, b: Trace): Parting {
  const end = b.losses.length;
  const step = firstLossApart(a, b) ?? end;
  const { name } = worstTensor(a, b, end);
  const difference = lossDifference(a.losses[step - 1], b.losses[step - 1]);
  const cause = `the loss of the epoch is apart; the weight that differs most is then ${name}`;
  return { step, tensor: name, difference, tolerance: lossTolerance(step), cause };
}

/** Whether `a` holds, row by row, the columns of `b`, which is of this shape. */
function isTranspose(a: Float32Array, b: Float32Array, shape: readonly number[]): boolean {
  if (shape.length !== 2) return false;
  const [rows, columns] = shape;
  const turned = new Float32Array(b.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = b[i * columns + j];
  return relativeL2(a, turned) === 0;
}
