import { setImmediate as nextTurn } from 'node:timers/promises';
import { FusorError } from '../../errors';
import {
  type Dataset,
  type Examples,
  type Listener,
  type Metrics,
  type Parameter,
  parametersOf,
  type RowRange,
  type Session,
  type SessionState,
  type Span,
  type SpanReport,
  type TrainPlan,
} from '../contract';
import { HostDataset, type HostExamples, Rows } from './dataset';
import type { Engine, Tensor } from './engine';
import { Network } from './network';
import { penaltyOf } from './restraints';
import { Stopwatch, timed } from './stopwatch';
import { Tally } from './tally';
import { Updater, type Variables } from './updater';

/** Tensors are not the garbage collector's: those of a session that nobody can reach, and nobody has disposed of. */
const unreached = new FinalizationRegistry(({ tf, held }: { tf: Engine['tf']; held: Variables }) =>
  tf.dispose([held.weights, held.slots]),
);

/** Rows predicted between two turns of the event loop. */
const PREDICT_ROWS = 256;

/** A model on a tfjs engine. Several may live on one engine; each owns its tensors. */
export class TfjsSession implements Session {
  readonly description;
  private readonly network: Network;
  private readonly updater: Updater;
  private readonly parameters: readonly Parameter[];
  private step = 0;
  /** Kernels [inputs, outputs], all else [n, 1]. */
  private readonly held: Variables = { weights: [], slots: [] };
  private queue: Promise<unknown> = Promise.resolve();
  private disposal: Promise<void> | null = null;
  private readonly datasets = new Set<HostDataset>();

  constructor(
    private readonly engine: Engine,
    private readonly plan: TrainPlan,
    state: SessionState,
  ) {
    this.description = engine.description;
    this.network = new Network(engine.tf, plan);
    this.updater = new Updater(engine.tf, plan);
    this.parameters = parametersOf(plan);
    this.load(state);
    unreached.register(this, { tf: engine.tf, held: this.held });
  }

  upload(examples: Examples): Promise<Dataset> {
    return this.enqueue(async () => {
      const data = new HostDataset(this.plan, examples, (gone) => this.datasets.delete(gone));
      this.datasets.add(data);
      return data;
    });
  }

  run(span: Span, listen: Listener = {}): Promise<SpanReport> {
    return this.enqueue(async () => {
      const data = this.own(span.data);
      const tally = new Tally(this.plan.metrics.length, listen);
      const steps = span.learningRates.length;
      const aborted = () => this.disposal !== null || listen.signal?.aborted === true;
      const watch = listen.timeline ? new Stopwatch() : undefined;
      const train = async () => {
        for (let i = 0; i < steps && !aborted() && !tally.diverged; i++) {
          const order = span.order.subarray(i * span.batchSize, (i + 1) * span.batchSize);
          if (watch) watch.step = i;
          const sums = this.train(data, order, span.firstStep + i, span.learningRates[i], watch);
          timed(watch, 'record', null, () => tally.add(sums, order.length));
          await nextTurn();
        }
      };
      if (!watch) await train();
      else await watch.hooked(this.engine, train);
      const report = tally.report(steps);
      return watch ? { ...report, timeline: watch.timeline(this.engine.tf) } : report;
    });
  }

  evaluate(data: Dataset, range: RowRange, batchSize: number, signal?: AbortSignal): Promise<Metrics> {
    return this.enqueue(async () => {
      const own = this.own(data);
      const tally = new Tally(this.plan.metrics.length);
      for (let begin = range.begin; begin < range.end; begin += batchSize) {
        signal?.throwIfAborted();
        const rows = Math.min(batchSize, range.end - begin);
        const { x, targets } = own.batch(Uint32Array.from({ length: rows }, (_, i) => begin + i));
        tally.add(
          this.engine.tidy(() => this.network.evaluate(this.held.weights, x, targets)),
          rows,
        );
        await nextTurn();
      }
      const means = tally.means();
      return { ...means, loss: means.loss + penaltyOf(this.parameters, this.held.weights) };
    });
  }

  predict(x: Examples['x']): Promise<Float32Array> {
    return this.enqueue(async () => {
      const rows = new Rows(this.plan, x);
      const { outputs } = this.plan;
      const predictions = new Float32Array(rows.count * outputs);
      for (let begin = 0; begin < rows.count; begin += PREDICT_ROWS) {
        const count = Math.min(PREDICT_ROWS, rows.count - begin);
        const batch = rows.gather(Uint32Array.from({ length: count }, (_, i) => begin + i));
        const { tf } = this.engine;
        const values = this.engine.tidy(() =>
          tf.transpose(this.network.predict(this.held.weights, batch)).dataSync<'float32'>(),
        );
        predictions.set(values, begin * outputs);
        await nextTurn();
      }
      return predictions;
    });
  }

  readState(): Promise<SessionState> {
    return this.enqueue(async () => ({
      step: this.step,
      weights: this.held.weights.map((w) => Float32Array.from(w.dataSync())),
      slots: this.held.slots.map((slot) => slot.map((s) => Float32Array.from(s.dataSync()))),
    }));
  }

  writeState(state: SessionState): Promise<void> {
    const copy = structuredClone(state);
    return this.enqueue(async () => this.load(copy));
  }

  dispose(): Promise<void> {
    this.disposal ??= this.queue.then(() => {
      this.free();
      for (const data of this.datasets) data.dispose();
      this.datasets.clear();
    });
    return this.disposal;
  }

  /** One step: gradients, update. Returns the sums over the batch's rows. */
  private train(
    data: HostExamples,
    order: Uint32Array,
    step: number,
    rate: number,
    watch: Stopwatch | undefined,
  ): Metrics {
    const { x, targets } = timed(watch, 'gather', null, () => data.batch(order));
    const { plan, engine } = this;
    let sums: Metrics = { loss: 0, metrics: [] };
    const updated = engine.tidy(() => {
      const result = this.network.gradients(this.held.weights, x, targets, { seed: plan.seed, step }, watch);
      const penalty = penaltyOf(this.parameters, this.held.weights);
      sums = { loss: result.loss + penalty * order.length, metrics: result.metrics };
      return timed(watch, 'update', null, () => this.updater.next(this.held, result, this.step, rate));
    });
    timed(watch, 'record', null, () => this.free());
    Object.assign(this.held, updated);
    this.step++;
    return sums;
  }

  private load(state: SessionState): void {
    const { parameters } = this;
    const tensorOf = (values: Float32Array, p: number): Tensor => {
      const [inputs, outputs] = parameters[p].shape;
      // A copy: some engines keep the array that they are given.
      return this.engine.tf.tensor2d(Float32Array.from(values), [inputs, outputs ?? 1]);
    };
    this.engine.use();
    this.free();
    this.step = state.step;
    this.held.weights = state.weights.map(tensorOf);
    this.held.slots = state.slots.map((slot) => slot.map(tensorOf));
  }

  private free(): void {
    this.engine.tf.dispose([this.held.weights, this.held.slots]);
  }

  private own(data: Dataset): HostExamples {
    const examples = this.datasets.has(data as HostDataset) ? (data as HostDataset).examples : null;
    if (examples) return examples;
    throw new FusorError('ERR_STATE', ['the data is disposed or belongs to another session']);
  }

  /** Calls run one after the other, in the order they were made. */
  private enqueue<T>(job: () => Promise<T>): Promise<T> {
    if (this.disposal) return Promise.reject(new FusorError('ERR_STATE', ['the session is disposed']));
    const result = this.queue.then(job);
    this.queue = result.catch(() => {});
    return result;
  }
}
