import { join } from 'node:path';
import { closed, count, wrong } from '../../arguments';
import type { Callback, TrainingContext } from '../../train/callbacks';
import { kerasName, type Logs } from '../../train/history';
import { EventFile } from './event-file';

type Part = 'train' | 'validation' | 'batches';

/**
 * Event files for TensorBoard, under the names that Keras writes: epoch_loss, epoch_accuracy, … in `folder`/train and,
 * of the validation, in `folder`/validation; epoch_learning_rate. A resumed training goes on with them.
 * @param folder made when it is not there; or a function that names it when training begins
 * @param options everyBatches: also batch_loss, … by step, in `folder`/batches, so often, which ends spans there; default: never
 * @throws ERR_ARG; fit then ERR_IO
 */
export function tensorBoard(folder: string | (() => string), options?: { everyBatches?: number }): Callback {
  const where = 'tensorBoard';
  if (folder === '' || !['string', 'function'].includes(typeof folder))
    throw wrong(where, 'folder', folder, 'a path');
  const { everyBatches: every } = closed<{ everyBatches?: number }>(where, options, ['everyBatches']);
  const files = new Map<Part, EventFile>();
  /** The first epoch and the first step that are written. */
  let first = { epoch: 0, step: 0 };
  /** Made when there is something to write. */
  const file = (part: Part): EventFile => {
    const root = typeof folder === 'string' ? folder : folder();
    const made =
      files.get(part) ?? new EventFile(join(root, part), part === 'batches' ? first.step : first.epoch);
    files.set(part, made);
    return made;
  };
  const close = (): void => {
    for (const each of files.values()) each.close();
    files.clear();
  };
  const logger: Callback = {
    onTrainBegin({ epoch, step }: TrainingContext): void {
      close();
      first = { epoch, step: step + 1 };
    },
    onEpochEnd(epoch: number, logs: Logs, { learningRate }: TrainingContext): void {
      const isValidation = (name: string) => /^val[A-Z]/.test(name);
      const part = (of: boolean) =>
        Object.entries(logs)
          .filter(([name]) => isValidation(name) === of)
          .map(([name, value]): [string, number] => [`epoch_${kerasName(name).replace(/^val_/, '')}`, value]);
      file('train').scalars(epoch, {
        epoch_learning_rate: learningRate,
        ...Object.fromEntries(part(false)),
      });
      const validation = Object.fromEntries(part(true));
      if (Object.keys(validation).length > 0) file('validation').scalars(epoch, validation);
    },
    onTrainEnd: close,
    onTrainError: close,
  };
  if (every === undefined) return logger;
  logger.everyBatches = count(where, 'everyBatches', every);
  logger.onBatchEnd = (_batch, means, { step }) => {
    const values = Object.entries(means).map(([name, value]) => [`batch_${kerasName(name)}`, value]);
    file('batches').scalars(step, Object.fromEntries(values));
  };
  return logger;
}
