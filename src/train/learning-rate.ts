import { closed, oneOf, wrong } from '../arguments';
import type { Callback, TrainingContext } from './callbacks';
import type { Schedule } from './schedules';

/**
 * Sets the learning rate.
 * @param schedule by: 'step' (default): of a step, counted from 0 since training began, as those of {@link schedules};
 *   the rates of a span are computed before it, so spans stay long. by: 'epoch', as Keras' LearningRateScheduler: of
 *   an epoch's number, counted from 0, and the rate so far
 * @throws ERR_ARG; fit then where a rate is not finite or below 0
 */
export function learningRateScheduler(schedule: Schedule, options?: { by?: 'step' }): Callback;
export function learningRateScheduler(
  schedule: (epoch: number, rate: number) => number,
  options: { by: 'epoch' },
): Callback;
export function learningRateScheduler(
  schedule: Schedule | ((epoch: number, rate: number) => number),
  options?: { by?: 'step' | 'epoch' },
): Callback {
  const where = 'learningRateScheduler';
  if (typeof schedule !== 'function') throw wrong(where, 'schedule', schedule, 'a function');
  const { by } = closed<{ by?: 'step' | 'epoch' }>(where, options, ['by']);
  if (oneOf(where, 'by', by, ['step', 'epoch'], 'step') === 'step')
    return { learningRateAt: schedule as Schedule };
  return {
    onEpochBegin(epoch: number, context: TrainingContext): void {
      // An epoch that is gone on with has its rate.
      if (context.batch === 0) context.learningRate = schedule(epoch, context.learningRate);
    },
  };
}
