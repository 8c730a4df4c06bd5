/** Where the losses of two runs part. */
import { lossDifference, lossTolerance } from '../verify/parity';
import type { ComparedRun } from './run';

export interface StepComparison {
  /** The first step, from 1, whose losses are further apart than backends may be; null when none is. */
  step: number | null;
  /** Why they cannot be compared; null when they can. */
  incomparable: string | null;
  /** |Δ|/loss, one a step. */
  differences: Float64Array;
}

export function compareSteps(run: ComparedRun, first: ComparedRun): StepComparison {
  const incomparable = hindrance(run, first);
  if (incomparable) return { step: null, incomparable, differences: new Float64Array(0) };
  const [mine, its] = [run.stepLosses!, first.stepLosses!];
  const differences = new Float64Array(Math.min(mine.length, its.length)).map((_, i) =>
    lossDifference(mine[i], its[i]),
  );
  const at = differences.findIndex((difference, i) => !(difference <= lossTolerance(i + 1)));
  return { step: at < 0 ? null : at + 1, incomparable: null, differences };
}

function hindrance(
  { document: a, stepLosses: mine }: ComparedRun,
  { document: b, stepLosses: its }: ComparedRun,
) {
  if (a.data.sha256 !== b.data.sha256) return 'other data';
  if (a.data.rows !== b.data.rows) return 'another number of rows';
  if (a.seed !== b.seed) return 'another seed';
  if (!mine || !its) return 'no losses of steps were kept';
  return null;
}
