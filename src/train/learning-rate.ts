import { closed, oneOf, wrong } from '../arguments';
import type { Callback, TrainingContext } from './callbacks';
import { isReady, type Schedule } from './schedules';

/**
 * Sets the learning rate.
 * @param schedule of an epoch's number, counted from 0, and the rate so far, as Keras' LearningRateScheduler; or one of
 *   {@link schedules}, of the step
 * @param options by: what `schedule` is a function of, 'epoch', or 'step', counted from 0 since training began: the rates of
 *   a span are computed before it, so spans stay long. Default 'step' for those of {@link schedules}, else 'epoch'
 * @throws ERR_ARG; fit then where a rate is not finite or below 0
 */
export function learningRateScheduler(
  schedule: (epoch: number, rate: number) => number,
  options?: { by?: 'epoch' },
): Callback;
/** Of the step alone: no rate before it is known when a span's are computed. */
export function learningRateScheduler(
  schedule: (step: number) => number,
  options: { by: 'step' | 'epoch' },
): Callback;
export function learningRateScheduler(
  schedule: (at: number, rate: number) => number,
  options?: { by?: 'step' | 'epoch' },
): Callback {
  const where = 'learningRateScheduler';
  if (typeof schedule !== 'function') throw wrong(where, 'schedule', schedule, 'a function');
  const { by } = closed<{ by?: 'step' | 'epoch' }>(where, options, ['by']);
  if (oneOf(where, 'by', by, ['step', 'epoch'], isReady(schedule) ? 'step' : 'epoch') === 'step')
    return { learningRateAt: schedule as Schedule };
  return {
    setsLearningRate: true,
    onEpochBegin(epoch: number, context: TrainingContext): void {
      context.learningRate = schedule(epoch, context.learningRate);
    },
  };
}
