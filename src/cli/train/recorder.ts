import type { Callback } from '../../index';
import type { EpochRecord, RunFolder } from '../../io/run-folder';

/** Keeps and writes what happens while a model trains. */
export class Recorder implements Callback {
  readonly epochs: EpochRecord[] = [];
  /** Every step's loss; filled only when asked for. */
  readonly stepLosses: number[] = [];
  /** Asking for no batch keeps spans as long as an epoch. */
  readonly everyBatches = 2 ** 31 - 1;
  readonly onBatchEnd: Callback['onBatchEnd'];
  /** Made when training begins: whatever fit refuses leaves nothing behind. */
  folder?: RunFolder;
  #began = 0;

  constructor(
    private readonly makeFolder: () => Promise<RunFolder>,
    withSteps: boolean,
  ) {
    if (!withSteps) return;
    this.onBatchEnd = (_batch, { losses }) => {
      this.folder?.appendSteps(this.stepLosses.length, losses);
      for (const loss of losses) this.stepLosses.push(loss);
    };
  }

  async onTrainBegin(): Promise<void> {
    this.folder = await this.makeFolder();
  }

  onEpochBegin(): void {
    this.#began = performance.now();
  }

  onEpochEnd(epoch: number, logs: Record<string, number>): void {
    const { loss, accuracy = null, valLoss = null, valAccuracy = null, ...others } = logs;
    const seconds = (performance.now() - this.#began) / 1000;
    const record = { epoch, loss, accuracy, valLoss, valAccuracy, ...others, seconds };
    this.epochs.push(record);
    this.folder?.appendEpoch(record);
  }
}
