import { isAccuracy, type MetricPlan, type SpanReport, type TrainPlan } from '../backend/contract';
import type { Logs } from './history';
import { Losses } from './losses';

/** What a checkpoint keeps of {@link Means}. */
export interface MeansRecord {
  rows: number;
  /** Of the loss and of each metric. */
  sums: Float64Array;
}

/** Means over rows of a loss and metrics that come as batch means; sums are float64. */
export class Means {
  readonly #sums: Float64Array;
  #rows = 0;
  readonly #losses = new Losses();

  constructor(
    private readonly plan: Pick<TrainPlan, 'metrics' | 'outputs'>,
    before?: MeansRecord,
  ) {
    this.#sums = before ? before.sums.slice() : new Float64Array(plan.metrics.length + 1);
    this.#rows = before?.rows ?? 0;
  }

  record(): MeansRecord {
    return { rows: this.#rows, sums: this.#sums.slice() };
  }

  /**
   * @param rows rows in the span's order, of which the last batch may have fewer than batchSize
   */
  add({ stepsDone, losses, metrics }: SpanReport, rows: number, batchSize: number): void {
    for (let step = 0; step < stepsDone; step++) {
      const size = Math.min(batchSize, rows - step * batchSize);
      this.#rows += size;
      this.#sums[0] += losses[step] * size;
      for (let m = 0; m < metrics.length; m++)
        this.#sums[m + 1] += sumOf(this.plan.metrics[m], this.plan.outputs, metrics[m][step], size);
    }
    this.#losses.add(losses.subarray(0, stepsDone));
  }

  /** @param ahead means over further rows, not yet added: a span's progress */
  logs(ahead?: { rows: number; loss: number; metrics: readonly number[] }): Logs {
    const rows = this.#rows + (ahead?.rows ?? 0);
    const more = ahead ? [ahead.loss, ...ahead.metrics] : [];
    const mean = (i: number) => (this.#sums[i] + (ahead ? more[i] * ahead.rows : 0)) / rows;
    return Object.fromEntries([
      ['loss', mean(0)],
      ...this.plan.metrics.map(({ name }, m) => [name, mean(m + 1)]),
    ]);
  }

  /** One loss a step added. */
  get losses(): Float32Array {
    return this.#losses.all();
  }
}

/** Over the rows of a batch mean. What counts outputs, or rows, that are right is whole again: float32 has not all of a third. */
function sumOf(metric: MetricPlan, outputs: number, mean: number, rows: number): number {
  if (!isAccuracy(metric)) return mean * rows;
  const counted = metric.kind === 'binaryAccuracy' ? outputs : 1;
  return Math.round(mean * rows * counted) / counted;
}
