import { closed, count, text } from '../../arguments';
import { AppendFile } from '../../files/append-file';
import type { Callback } from '../../train/callbacks';
import { epochsOf, type Logs } from '../../train/history';

/**
 * One JSON object a line: {epoch, …logs, learningRate, seconds} of each epoch. A resumed training begins with the
 * epochs before, of which the rates are not known.
 * @param options everyBatches: also {step, epoch, …means over the steps since the last} so often, which ends spans
 *   there; default: never
 * @throws ERR_ARG; fit then ERR_IO
 */
export function jsonlLogger(file: string, options?: { everyBatches?: number }): Callback {
  const where = 'jsonlLogger';
  text(where, 'file', file);
  const { everyBatches: every } = closed<{ everyBatches?: number }>(where, options, ['everyBatches']);
  let out: AppendFile | undefined;
  const write = (record: Record<string, unknown>) => out?.append(`${JSON.stringify(record)}\n`);
  const close = () => out?.close();
  const logger: Callback = {
    onTrainBegin({ history }): void {
      close();
      out = new AppendFile(file, 'w');
      epochsOf(history).forEach(({ epoch, logs }, i) => {
        write({ epoch, ...logs, seconds: history.seconds[i] });
      });
    },
    onEpochEnd(epoch: number, logs: Logs, { learningRate, history }): void {
      write({ epoch, learningRate, ...logs, seconds: history.seconds.at(-1) });
    },
    onTrainEnd: close,
    onTrainError: close,
  };
  if (every === undefined) return logger;
  logger.everyBatches = count(where, 'everyBatches', every);
  logger.onBatchEnd = (_batch, means, { step, epoch }) => write({ step, epoch, ...means });
  return logger;
}
