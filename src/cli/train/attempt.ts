/** A training in the process of a supervisor: what the two say to each other. */
import type { Callback, ModelCheckpoint, RuntimeInfo, TrainingContext } from '../../index';
import type { Call } from '../command';
import type { train } from '../options';
import type { ToldError } from '../told-error';
import { type Fallback, wayOf } from './document';
import type { TrainSettings } from './problem';

/** The first message to the child. */
export interface Task {
  call: Omit<Call<typeof train>, 'out'>;
  /** What the user asked for, where that is not what is tried now: for the record. */
  asked: Partial<TrainSettings>;
  /** What failed before. */
  failed: Fallback[];
}

/** What the child says. */
export type Told =
  | { kind: 'opened'; way: string; device: string }
  | { kind: 'begun'; runDir: string }
  /** work: of how many steps, at most, what it does next is worth. */
  | { kind: 'step'; step: number; work: number; saved: boolean }
  | { kind: 'done'; status: number }
  | { kind: 'failed'; error: ToldError };

/** Between two words on progress: milliseconds. */
const QUIET = 50;

export class Attempt {
  readonly asked: Partial<TrainSettings>;
  readonly failed: readonly Fallback[];

  constructor(
    { asked, failed }: Task,
    readonly tell: (message: Told) => void,
  ) {
    this.asked = asked;
    this.failed = failed;
  }

  opened(runtime: RuntimeInfo): void {
    this.tell({ kind: 'opened', way: wayOf(runtime), device: runtime.device });
  }

  /**
   * Tells how training goes.
   * @param evaluation steps that the longest evaluation is worth
   */
  pulse(runDir: () => string, checkpoints: ModelCheckpoint, evaluation: number): Callback {
    let last = 0;
    const step = (number: number, work: number) => {
      last = performance.now();
      this.tell({ kind: 'step', step: number, work, saved: checkpoints.saved !== undefined });
    };
    let begun = 0;
    return {
      // After the checkpoints.
      last: true,
      onTrainBegin: () => this.tell({ kind: 'begun', runDir: runDir() }),
      onEpochBegin: (_epoch, context) => {
        begun = context.step - context.batch;
      },
      onProgress: ({ batch, batches }) => {
        if (batch < batches && performance.now() - last > QUIET) step(begun + batch, 1);
      },
      onSpanEnd: (context: TrainingContext) =>
        step(context.step, context.batch < context.batches ? 1 : evaluation),
      // A test may follow.
      onEpochEnd: (epoch, _logs, { step: done, epochs }) => step(done, epoch + 1 < epochs ? 1 : evaluation),
      onTrainEnd: (_logs, context) => step(context.step, evaluation),
    };
  }
}
