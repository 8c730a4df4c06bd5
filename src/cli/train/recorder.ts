import { MAX_COUNT } from '../../arguments';
import type { Callback, History, Logs, TrainingContext } from '../../index';
import type { EpochRecord } from '../../runs/epoch-records';
import type { RunFolder } from '../../runs/run-folder';

/** Keeps and writes what happens while a model trains. */
export class Recorder implements Callback {
  readonly epochs: EpochRecord[] = [];
  /** Every step's loss; filled only when asked for. */
  readonly stepLosses: number[] = [];
  /** Asking for no batch keeps spans as long as an epoch. */
  readonly everyBatches = MAX_COUNT;
  readonly onBatchEnd: Callback['onBatchEnd'];
  /** Made when training begins: whatever fit refuses leaves nothing behind. */
  folder?: RunFolder;

  constructor(
    private readonly makeFolder: () => Promise<RunFolder>,
    private readonly withSteps: boolean,
  ) {
    if (!withSteps) return;
    this.onBatchEnd = (_batch, _logs, _context, losses) => {
      this.folder?.appendSteps(this.stepLosses.length, losses);
      for (const loss of losses) this.stepLosses.push(loss);
    };
  }

  /** A resumed training begins with what was done before. */
  async onTrainBegin({ history }: TrainingContext): Promise<void> {
    for (let i = 0; i < history.epoch.length; i++) this.epochs.push(recordAt(history, i));
    if (this.withSteps) for (const loss of history.stepLosses) this.stepLosses.push(loss);
    this.folder = await this.makeFolder();
    await this.folder.rewind(this.epochs, this.withSteps ? this.stepLosses : undefined);
  }

  onEpochEnd(_epoch: number, _logs: Logs, { history }: TrainingContext): void {
    const record = recordAt(history, history.epoch.length - 1);
    this.epochs.push(record);
    this.folder?.appendEpoch(record);
  }
}

function recordAt({ epoch, history, seconds, memoryBytes }: History, i: number): EpochRecord {
  const logs = Object.fromEntries(Object.entries(history).map(([name, values]) => [name, values[i]]));
  const { loss, accuracy = null, valLoss = null, valAccuracy = null, ...others } = logs;
  const measured = { seconds: seconds[i], memoryBytes: memoryBytes[i] };
  return { epoch: epoch[i], loss, accuracy, valLoss, valAccuracy, ...others, ...measured };
}
