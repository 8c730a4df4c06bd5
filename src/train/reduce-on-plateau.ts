import { closed, count, range, real } from '../arguments';
import type { Callback, TrainingContext } from './callbacks';
import { epochsOf, type Logs } from './history';
import { Monitor, type MonitorOptions } from './monitor';

export interface ReduceOnPlateauOptions extends MonitorOptions {
  /** What the rate is multiplied by; greater than 0 and below 1, default 0.1. */
  factor?: number;
  /** Epochs without improvement after which the rate is reduced; default 10. */
  patience?: number;
  /** Epochs after a reduction in which nothing is counted; default 0. */
  cooldown?: number;
  /** The rate is not reduced further than this; default 0. */
  minLearningRate?: number;
}

/**
 * Lowers the learning rate when what is monitored no longer improves; decides as Keras' ReduceLROnPlateau does,
 * minDelta being 1e-4 by default there and here. Looks at the end of each epoch, so spans stay long. A resumed
 * training goes on with the patience that is left.
 * @throws ERR_ARG; fit then where nothing is called as `monitor`, or a schedule says the rate of each step, before the first one
 */
export function reduceOnPlateau(options?: ReduceOnPlateauOptions): Callback {
  const where = 'reduceOnPlateau';
  const o = closed<ReduceOnPlateauOptions>(where, options, [
    'monitor',
    'mode',
    'minDelta',
    'factor',
    'patience',
    'cooldown',
    'minLearningRate',
  ]);
  const monitor = new Monitor(where, { ...o, minDelta: o.minDelta ?? 1e-4 });
  const factor = real(where, 'factor', o.factor, 0.1, [(v) => v > 0 && v < 1, 'greater than 0 and below 1']);
  const patience = count(where, 'patience', o.patience, { min: 0, fallback: 10 });
  const cooldown = count(where, 'cooldown', o.cooldown, { min: 0, fallback: 0 });
  const least = real(where, 'minLearningRate', o.minLearningRate, 0, range.notNegative);

  let best: number | undefined;
  let wait = 0;
  let cooling = 0;
  /** @param reduce whether the rate could be reduced */
  const judge = (logs: Logs, reduce: () => boolean): void => {
    if (cooling > 0) {
      cooling--;
      wait = 0;
    }
    if (monitor.improves(logs, best)) {
      best = monitor.valueIn(logs);
      wait = 0;
    } else if (cooling === 0 && ++wait >= patience && reduce()) {
      cooling = cooldown;
      wait = 0;
    }
  };
  return {
    setsLearningRate: true,
    onTrainBegin(context: TrainingContext): void {
      monitor.begin(context);
      best = undefined;
      wait = 0;
      cooling = 0;
      // The checkpoint has the reduced rate; where it was at its least already, these counts matter no more.
      for (const { logs } of epochsOf(context.history)) judge(logs, () => true);
    },
    onEpochEnd(_epoch: number, logs: Logs, context: TrainingContext): void {
      judge(logs, () => {
        if (context.learningRate <= Math.fround(least)) return false;
        context.learningRate = Math.max(context.learningRate * factor, least);
        return true;
      });
    },
  };
}
