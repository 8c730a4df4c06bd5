/** The callbacks that flags of `train` ask for. */
import { join } from 'node:path';
import { FusorError } from '../../errors';
import {
  type Callback,
  earlyStopping,
  learningRateScheduler,
  mlflowLogger,
  optimizers,
  reduceOnPlateau,
  type Schedule,
  tensorBoard,
} from '../../index';
import { scheduleOf } from '../schedule';
import type { TrainSettings } from './problem';

/** @param folder of the run, when training begins */
export function extras(settings: TrainSettings, name: string, folder: () => string): Callback[] {
  const { monitor, earlyStopping: patience, reduceOnPlateau: plateau, schedule, log } = settings;
  if (schedule !== undefined && plateau !== undefined)
    throw new FusorError('ERR_ARG', [
      '--schedule and --reduce-on-plateau are both given',
      'fusor train',
      'leave one of them out: both set the learning rate',
    ]);
  return [
    schedule !== undefined && scheduled(schedule, rateOf(settings)),
    plateau !== undefined && reduceOnPlateau({ monitor, patience: plateau }),
    patience !== undefined && earlyStopping({ monitor, patience, restoreBestWeights: true }),
    log.includes('tensorboard') && tensorBoard(() => join(folder(), 'tensorboard')),
    log.includes('mlflow') && mlflowLogger({ params: { data: name } }),
  ].filter((each) => each !== false);
}

/** @param rate the optimiser's own, before any schedule: not that of a resumed training, which has changed already */
function scheduled(written: string, rate: number): Callback {
  let at: Schedule = () => rate;
  return {
    ...learningRateScheduler((step: number) => at(step), { by: 'step' }),
    onTrainBegin: ({ epochs, batches }) => {
      at = scheduleOf(written, { rate, steps: epochs * batches });
    },
  };
}

function rateOf({ learningRate, optimizer, model }: TrainSettings): number {
  if (learningRate !== undefined || model === undefined)
    return learningRate ?? optimizers[optimizer]().learningRate;
  throw new FusorError('ERR_ARG', [
    '--schedule with --model needs a rate to begin with',
    'fusor train',
    'add --learning-rate',
  ]);
}
