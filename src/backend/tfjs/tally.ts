import type { Listener, Metrics, SpanReport } from '../contract';

/** Least time between two calls of onProgress, in ms. */
const PROGRESS_INTERVAL = 50;

/** Collects what the batches of a span or an evaluation gave, and tells the listener now and then. */
export class Tally {
  private readonly losses: number[] = [];
  private readonly perMetric: number[][];
  private readonly sums: Metrics;
  private rows = 0;
  private told = performance.now();

  constructor(
    metrics: number,
    private readonly listen: Listener = {},
  ) {
    this.perMetric = Array.from({ length: metrics }, () => []);
    this.sums = { loss: 0, metrics: new Array(metrics).fill(0) };
  }

  /** Adds a batch: sums over its rows. */
  add(batch: Metrics, rows: number): void {
    this.rows += rows;
    // As it is reported: what float32 cannot hold is not finite.
    this.losses.push(Math.fround(batch.loss / rows));
    this.sums.loss += batch.loss;
    for (let m = 0; m < this.perMetric.length; m++) {
      this.perMetric[m].push(batch.metrics[m] / rows);
      this.sums.metrics[m] += batch.metrics[m];
    }
    if (!this.listen.onProgress || performance.now() - this.told < PROGRESS_INTERVAL) return;
    this.told = performance.now();
    this.listen.onProgress({ stepsDone: this.losses.length, ...this.means() });
  }

  /** No step after one whose loss is not finite can be of use. */
  get diverged(): boolean {
    return this.losses.length > 0 && !Number.isFinite(this.losses[this.losses.length - 1]);
  }

  /** Means over the rows so far. */
  means(): Metrics {
    return {
      loss: this.sums.loss / this.rows,
      metrics: this.sums.metrics.map((sum) => sum / this.rows),
    };
  }

  report(steps: number): SpanReport {
    return {
      stepsDone: this.losses.length,
      stopped: this.losses.length < steps ? 'aborted' : 'finished',
      losses: Float32Array.from(this.losses),
      metrics: this.perMetric.map((values) => Float32Array.from(values)),
    };
  }
}
