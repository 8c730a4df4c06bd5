import { boolean, closed, count, range, real } from '../arguments';
import type { Callback, TrainingContext } from './callbacks';
import { soundSlots } from './checkpoint';
import { epochsOf, type Logs } from './history';
import { Monitor, type MonitorOptions } from './monitor';

export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs without improvement after which training ends; default 0: the first such epoch is the last. */
  patience?: number;
  /** Epochs that are not better than this count as none, even if better than all before. */
  baseline?: number;
  /** At the end go back to the weights of the best epoch; default false, as in Keras. */
  restoreBestWeights?: boolean;
  /** Epochs that are not looked at; default 0. */
  startFromEpoch?: number;
}

export interface EarlyStopping extends Callback {
  /** Numbers of epochs, counted from 0; undefined before there is one. */
  readonly stoppedEpoch: number | undefined;
  readonly bestEpoch: number | undefined;
}

/**
 * Ends training when what is monitored no longer improves; decides as Keras' EarlyStopping does. Looks at the end of each
 * epoch, so spans stay long. A resumed training goes on with the patience that is left and the best weights so far.
 * @throws ERR_ARG; fit then where nothing is called as `monitor`, before the first step
 */
export function earlyStopping(options?: EarlyStoppingOptions): EarlyStopping {
  const where = 'earlyStopping';
  const o = closed<EarlyStoppingOptions>(where, options, [
    'monitor',
    'mode',
    'minDelta',
    'patience',
    'baseline',
    'restoreBestWeights',
    'startFromEpoch',
  ]);
  return new Stopper(
    new Monitor(where, o),
    count(where, 'patience', o.patience, { min: 0, fallback: 0 }),
    o.baseline === undefined ? undefined : real(where, 'baseline', o.baseline, undefined, range.any),
    boolean(where, 'restoreBestWeights', o.restoreBestWeights, false),
    count(where, 'startFromEpoch', o.startFromEpoch, { min: 0, fallback: 0 }),
  );
}

type Verdict = 'best' | 'stop' | 'on';

class Stopper implements EarlyStopping {
  stoppedEpoch: number | undefined;
  bestEpoch: number | undefined;
  bestWeights: Float32Array[] | undefined;
  #best: number | undefined;
  #wait = 0;

  constructor(
    private readonly monitor: Monitor,
    private readonly patience: number,
    private readonly baseline: number | undefined,
    private readonly restore: boolean,
    private readonly startFromEpoch: number,
  ) {}

  onTrainBegin(context: TrainingContext): void {
    this.monitor.begin(context);
    this.stoppedEpoch = undefined;
    this.bestEpoch = undefined;
    this.#best = undefined;
    this.#wait = 0;
    let last: { epoch: number; verdict: Verdict } | undefined;
    for (const { epoch, logs } of epochsOf(context.history))
      last = { epoch, verdict: this.#judge(epoch, logs) };
    // A training that is gone on with after the epoch at which it was to end.
    if (last?.verdict === 'stop') {
      process.emitWarning(
        `earlyStopping ended this training after epoch ${last.epoch + 1}: nothing is trained; to go on raise its patience, or leave it out`,
      );
      this.#stop(last.epoch, context);
    }
    if (this.restore && this.bestEpoch !== undefined && !this.bestWeights)
      process.emitWarning(
        `earlyStopping has no weights of epoch ${this.bestEpoch + 1}, the best so far: they were not kept; only those of a better one will be restored`,
      );
  }

  async onEpochEnd(epoch: number, logs: Logs, context: TrainingContext): Promise<void> {
    const verdict = this.#judge(epoch, logs);
    if (verdict === 'best' && this.restore) this.bestWeights = (await context.model.readState()).weights;
    if (verdict === 'stop') this.#stop(epoch, context);
  }

  #stop(epoch: number, context: TrainingContext): void {
    this.stoppedEpoch = epoch;
    context.stop();
  }

  async onTrainEnd(_logs: Logs, { model }: TrainingContext): Promise<void> {
    // Also those of the last epoch: another callback may have changed them since.
    if (!this.restore || !this.bestWeights) return;
    const state = await model.readState();
    await model.writeState({ ...state, weights: this.bestWeights, slots: soundSlots(state) });
  }

  #judge(epoch: number, logs: Logs): Verdict {
    if (epoch < this.startFromEpoch) return 'on';
    this.#wait++;
    if (this.monitor.improves(logs, this.#best)) {
      this.#best = this.monitor.valueIn(logs);
      this.bestEpoch = epoch;
      if (this.baseline === undefined || this.monitor.improves(logs, this.baseline)) this.#wait = 0;
      return 'best';
    }
    // Keras never ends after the very first epoch.
    return this.#wait >= this.patience && epoch > 0 ? 'stop' : 'on';
  }
}
