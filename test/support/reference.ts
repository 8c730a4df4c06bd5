/**
 * The reference session: what the contract means, in plain TypeScript. Arithmetic is float64; the state is
 * float32, as on every backend, and is rounded once a step, when it is stored. Every backend and every kernel is
 * tested against this one; where they disagree, this one is right by definition.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Backend,
  type BackendProvider,
  type Dataset,
  type Examples,
  type Listener,
  type Metrics,
  parametersOf,
  type RowRange,
  type Session,
  type SessionState,
  type Span,
  type SpanReport,
  type TrainPlan,
} from '../../src/backend/contract';
import { FusorError } from '../../src/errors';
import { matrix } from './reference/layers';
import { type Batch, batchMeans, batchOf, forwardAll, lossAndGradients, penalty } from './reference/network';
import { accumulated, clip, constrain, update } from './reference/optimizers';

export { batchOf, lossAndGradients };

class ReferenceDataset implements Dataset {
  disposed = false;

  constructor(
    readonly owner: ReferenceSession,
    readonly examples: Examples,
  ) {}

  get rows(): number {
    return this.examples.rows;
  }

  dispose(): void {
    this.disposed = true;
  }
}

class ReferenceSession implements Session {
  readonly description = { kernels: 'reference', isa: 'float64', threads: 1 };
  private state: SessionState;
  private queue: Promise<unknown> = Promise.resolve();
  private disposed = false;

  constructor(
    private readonly plan: TrainPlan,
    state: SessionState,
  ) {
    this.state = structuredClone(state);
  }

  upload(examples: Examples): Promise<Dataset> {
    const copy = {
      ...examples,
      x: examples.x.slice(),
      y: examples.y.slice(),
      weights: examples.weights?.slice(),
    };
    return this.enqueue(async () => new ReferenceDataset(this, copy));
  }

  run(span: Span, listen: Listener = {}): Promise<SpanReport> {
    return this.enqueue(async () => {
      const examples = this.examplesOf(span.data);
      const losses: number[] = [];
      const metrics: number[][] = this.plan.metrics.map(() => []);
      const sums = { rows: 0, loss: 0, metrics: this.plan.metrics.map(() => 0) };
      const steps = span.learningRates.length;
      let aborted = false;
      for (let step = 0; step < steps; step++) {
        // A step after one whose loss is not finite can be of no use.
        const diverged = step > 0 && !Number.isFinite(losses[step - 1]);
        aborted = listen.signal?.aborted === true || this.disposed || diverged;
        if (aborted) break;
        const rows = span.order.subarray(step * span.batchSize, (step + 1) * span.batchSize);
        const result = this.step(
          batchOf(this.plan, examples, rows),
          span.learningRates[step],
          span.firstStep + step,
        );
        // As it is reported: what float32 cannot hold is not finite.
        losses.push(Math.fround(result.loss));
        sums.rows += rows.length;
        sums.loss += result.loss * rows.length;
        result.metrics.forEach((value, i) => {
          metrics[i].push(value);
          sums.metrics[i] += value * rows.length;
        });
        const mean = (sum: number) => sum / sums.rows;
        listen.onProgress?.({ stepsDone: step + 1, loss: mean(sums.loss), metrics: sums.metrics.map(mean) });
        await nextTurn();
      }
      return {
        stepsDone: losses.length,
        stopped: aborted ? 'aborted' : 'finished',
        losses: Float32Array.from(losses),
        metrics: metrics.map((values) => Float32Array.from(values)),
      };
    });
  }

  private step(batch: Batch, rate: number, step: number): Metrics {
    const { plan, state } = this;
    const result = lossAndGradients(plan, state.weights, batch, { seed: plan.seed, step });
    const ready = accumulated(plan.optimizer, state.step, result.gradients, state.slots.at(-1));
    state.step += 1;
    if (ready) clip(plan.optimizer, ready.gradients);
    parametersOf(plan).forEach(({ shape, trainable, constraint }, p) => {
      if (!trainable) return;
      const slots = state.slots.map((slot) => slot[p]);
      if (ready) update(plan.optimizer, rate, ready.t, state.weights[p], ready.gradients[p], slots);
      constrain(constraint, state.weights[p], shape);
    });
    for (const [p, values] of result.moving) state.weights[p].set(values);
    return result;
  }

  evaluate(
    data: Dataset,
    { begin, end }: RowRange,
    batchSize: number,
    signal?: AbortSignal,
  ): Promise<Metrics> {
    return this.enqueue(async () => {
      const examples = this.examplesOf(data);
      const sums: Metrics = { loss: 0, metrics: this.plan.metrics.map(() => 0) };
      for (let from = begin; from < end; from += batchSize) {
        signal?.throwIfAborted();
        const rows = Array.from({ length: Math.min(batchSize, end - from) }, (_, i) => from + i);
        const batch = batchOf(this.plan, examples, rows);
        const { logits, predictions } = forwardAll(this.plan, this.state.weights, batch.x, null);
        const means = batchMeans(this.plan, logits, predictions, batch);
        sums.loss += means.loss * rows.length;
        means.metrics.forEach((value, i) => {
          sums.metrics[i] += value * rows.length;
        });
        await nextTurn();
      }
      const rows = end - begin;
      const loss = sums.loss / rows + penalty(this.plan, this.state.weights);
      return { loss, metrics: sums.metrics.map((sum) => sum / rows) };
    });
  }

  predict(x: Examples['x']): Promise<Float32Array> {
    const { features } = this.plan;
    const input = matrix(x.length / features, features, (e) => x[e]);
    return this.enqueue(async () =>
      Float32Array.from(forwardAll(this.plan, this.state.weights, input, null).predictions.data),
    );
  }

  readState(): Promise<SessionState> {
    return this.enqueue(async () => structuredClone(this.state));
  }

  writeState(state: SessionState): Promise<void> {
    const copy = structuredClone(state);
    return this.enqueue(async () => {
      this.state = copy;
    });
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    await this.queue;
  }

  private examplesOf(data: Dataset): Examples {
    const known = data instanceof ReferenceDataset && data.owner === this && !data.disposed;
    if (!known) throw new FusorError('ERR_STATE', ['the data is not (any more) on this session']);
    return data.examples;
  }

  /** Calls run one after the other, in the order they were made. */
  private enqueue<T>(job: () => Promise<T>): Promise<T> {
    if (this.disposed) return Promise.reject(new FusorError('ERR_STATE', ['the session is disposed']));
    const result = this.queue.then(job);
    this.queue = result.catch(() => {});
    return result;
  }
}

/** The reference as a backend. It is part of the tests only: `name` is one that the contract knows. */
export const referenceBackend: Backend = {
  name: 'tfjs',
  engine: 'reference',
  device: 'cpu',
  deviceName: 'float64 in TypeScript',
  versions: {},
  unsupported: () => null,
  createSession: async (plan, state) => new ReferenceSession(plan, state),
};

export const provider: BackendProvider = {
  name: 'tfjs',
  probe: async () => [
    {
      engine: 'reference',
      device: 'cpu',
      deviceName: 'TypeScript',
      usable: true,
      reason: '',
      cure: '',
      versions: {},
    },
  ],
  open: async () => referenceBackend,
};
