/** The callbacks that flags of `train` ask for. */
import { join } from 'node:path';
import { FusorError } from '../../errors';
import {
  type Callback,
  type EarlyStopping,
  earlyStopping,
  learningRateScheduler,
  mlflowLogger,
  optimizers,
  reduceOnPlateau,
  type Schedule,
  tensorBoard,
} from '../../index';
import type { train } from '../options';
import { scheduleOf } from '../schedule';
import { bothGiven, type Resolved } from '../settings';
import type { TrainSettings } from './problem';

/** What ends training early, and keeps the best weights, where that is asked for. */
export function stopperOf({ monitor, earlyStopping: patience }: TrainSettings): EarlyStopping | undefined {
  return patience === undefined ? undefined : earlyStopping({ monitor, patience, restoreBestWeights: true });
}

/** Of no use where rates of all sizes are only tried. */
const NOT_TRIED = ['resume', 'schedule', 'earlyStopping', 'reduceOnPlateau'] as const;

/** @throws ERR_ARG where a flag would change nothing: in a file it may stand for other runs */
export function checkFlags({ settings, origins }: Resolved<typeof train>): void {
  const { earlyStopping: patience, reduceOnPlateau, checkpoint, findLr } = settings;
  const idle = findLr && NOT_TRIED.find((key) => origins[key].startsWith('--'));
  if (idle)
    throw bothGiven(origins.findLr, origins[idle], 'leave one of them out: trying rates is no training');
  const isRead = patience !== undefined || reduceOnPlateau !== undefined || /\bbest\b/.test(checkpoint);
  if (isRead || !origins.monitor.startsWith('--')) return;
  throw new FusorError('ERR_ARG', [
    `nothing looks at ${settings.monitor}`,
    origins.monitor,
    'add --early-stopping N, --reduce-on-plateau N or --checkpoint best',
  ]);
}

/** All the others. @param folder of the run, when training begins */
export function extras(settings: TrainSettings, name: string, folder: () => string): Callback[] {
  const { monitor, reduceOnPlateau: plateau, schedule, log } = settings;
  if (schedule !== undefined && plateau !== undefined)
    throw bothGiven('--schedule', '--reduce-on-plateau', 'leave one of them out: both set the learning rate');
  return [
    schedule !== undefined && scheduled(schedule, rateOf(settings)),
    plateau !== undefined && reduceOnPlateau({ monitor, patience: plateau }),
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
