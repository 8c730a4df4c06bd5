import type { Callback } from '../../index';
import type { EpochRecord, RunFolder } from '../../io/run-folder';

/** Keeps and writes what happens while a model trains. */
export class Recorder implements Callback {
  readonly epochs: EpochRecord[] = [];
  /** Every step's loss; filled only when asked for. */
  readonly stepLosses: number[] = [];
  /** Asking for no batch keeps spans as long as an epoch. */
  readonly everyBatches = Number.MAX_SAFE_INTEGER;
  readonly onBatchEnd: Callback['onBatchEnd'];
  #began = 0;

  constructor(
    private readonly folder: RunFolder,
    withSteps: boolean,
  ) {
    if (!withSteps) return;
    this.onBatchEnd = (_batch, { losses }) => {
      this.folder.appendSteps(this.stepLosses.length, losses);
      for (const loss of losses) this.stepLosses.push(loss);
    };
  }

  onEpochBegin(): void {
    this.#began = performance.now();
  }

  onEpochEnd(epoch: number, logs: Record<string, number>): void {
    const { loss, accuracy = null, valLoss = null, valAccuracy = null, ...others } = logs;
    const seconds = (performance.now() - this.#began) / 1000;
    const record = { epoch, loss, accuracy, valLoss, valAccuracy, ...others, seconds };
    this.epochs.push(record);
    this.folder.appendEpoch(record);
  }
}
