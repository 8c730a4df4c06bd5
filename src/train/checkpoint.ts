/** All of a running fit that is not data: what goes on from it is what would have gone on. */
import type { Examples, SessionState, TrainPlan } from '../backend/contract';
import { fingerprintOf } from '../data/fingerprint';
import { type ExampleStream, isStream } from '../data/row-source';
import { firstNonFinite } from '../data/scan';
import { FusorError } from '../errors';
import type { HistoryRecord } from './history';
import type { MeansRecord } from './means';

/** Of one moment between two steps. Knows no backend: any can go on from it. */
export interface Checkpoint {
  /** Step, weights and optimiser slots. */
  state: SessionState;
  plan: TrainPlan;
  /** The model as toJSON gives it. */
  config: unknown;
  /** The next step takes batch `batch` of epoch `epoch`; batch = batches an epoch: its validation is next. */
  epoch: number;
  batch: number;
  /** The epoch before which the fit would have ended. */
  epochs: number;
  batchSize: number;
  trainRows: number;
  shuffle: boolean;
  /** Of a source of rows, else null; of files older than this field neither. */
  bufferRows?: number | null;
  /** As fit was given it; null where there was none. */
  classWeight?: Readonly<Record<number, number>> | null;
  seed: number;
  learningRate: number;
  /** Tells whether other data is the same. */
  data: string;
  /** Of the epoch at hand: sums so far, training time and wall time. */
  means: MeansRecord;
  microseconds: number;
  elapsed: number;
  history: HistoryRecord;
  /** Of each callback that may keep some to come back to, in their order; absent where none has any. */
  bestWeights?: (Float32Array[] | undefined)[];
}

/** What of a fit must be as it was for its training to go on. */
type Fit = Pick<
  Checkpoint,
  'plan' | 'batchSize' | 'trainRows' | 'shuffle' | 'bufferRows' | 'classWeight' | 'seed'
> & {
  examples: Examples | ExampleStream;
  validation?: Examples | ExampleStream;
};

/** @throws ERR_CKPT_MISMATCH naming everything that differs */
export function checkResume(checkpoint: Checkpoint, fit: Fit): void {
  const faults = planFaults(checkpoint.plan, fit.plan);
  for (const key of ['batchSize', 'trainRows', 'shuffle', 'seed'] as const)
    if (checkpoint[key] !== fit[key]) faults.push(`${key} is ${fit[key]}, it was ${checkpoint[key]}`);
  // Rows that are not shuffled are the same in buffers of any size.
  const buffered = isStream(fit.examples) && fit.shuffle;
  for (const key of buffered ? (['bufferRows', 'classWeight'] as const) : (['classWeight'] as const)) {
    const [now, before] = [fit, checkpoint].map((of) => JSON.stringify(of[key]));
    if (before === undefined || now === before) continue;
    faults.push(
      `${key} is ${now === 'null' ? 'not given' : now}, it was ${before === 'null' ? 'not' : before}`,
    );
  }
  if (faults.length === 0 && checkpoint.data !== fingerprintOf(fit.examples, fit.validation))
    faults.push('the data, its weights or what validates is not the same');
  if (faults.length === 0) return;
  throw new FusorError(
    'ERR_CKPT_MISMATCH',
    [
      `the checkpoint is of another training: ${faults.join('; ')}`,
      'fit, resume',
      'train as it did, or load its weights only',
    ],
    { faults },
  );
}

/** The parts of a plan that differ, named. The seed is compared as an option of fit. */
function planFaults(before: TrainPlan, now: TrainPlan): string[] {
  const { layers: old, seed: _, ...others } = before;
  const faults: string[] = [];
  for (let i = 0; i < Math.max(old.length, now.layers.length); i++) {
    const [a, b] = [JSON.stringify(now.layers[i]), JSON.stringify(old[i])];
    if (a === b) continue;
    faults.push(`layer ${i} is ${a ?? 'absent'}, it was ${b ?? 'absent'}`);
    break;
  }
  for (const key of Object.keys(others) as (keyof typeof others)[]) {
    const [a, b] = [JSON.stringify(now[key]), JSON.stringify(others[key])];
    if (a !== b) faults.push(`${key} is ${a}, it was ${b}`);
  }
  return faults;
}

/** Slots to go on with from other weights: those of a training that diverged are of no use, and begin at zero. */
export function soundSlots({ slots }: SessionState): Float32Array[][] {
  if (slots.flat().every((values) => firstNonFinite(values) < 0)) return slots;
  return slots.map((slot) => slot.map(({ length }) => new Float32Array(length)));
}

/** Nothing that cannot be gone on from is kept. @param loss a step's, where it was not finite @throws ERR_NONFINITE_LOSS */
export function checkFiniteState(
  { step, weights, slots }: SessionState,
  learningRate: number,
  loss: number | undefined,
): void {
  const fault = (what: string, value: number) =>
    new FusorError(
      'ERR_NONFINITE_LOSS',
      [
        `training diverged: ${what} ${value}`,
        `step ${step}`,
        `lower the learning rate, it is ${learningRate}`,
      ],
      { step, value: String(value), learningRate },
    );
  if (loss !== undefined) throw fault('a loss was', loss);
  for (const values of [weights, ...slots].flat()) {
    const bad = firstNonFinite(values);
    if (bad >= 0) throw fault('its state holds', values[bad]);
  }
}
