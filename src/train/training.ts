import { range, real } from '../arguments';
import { isAccuracy } from '../backend/contract';
import { fingerprintOf } from '../data/fingerprint';
import { FusorError } from '../errors';
import type { Callback, TrainedModel, TrainingContext } from './callbacks';
import { type Checkpoint, checkFiniteState } from './checkpoint';
import { abortError } from './ends';
import type { Stretch } from './feed';
import { History, validationName } from './history';
import { type FitJob, UNKNOWN } from './job';
import { Means } from './means';

/** The state of a running fit, as callbacks see it, and the one way to end its span early. */
export class Training implements TrainingContext {
  readonly history: History;
  /** Infinity while nobody knows: in the first epoch of a stream. */
  batches: number;
  epoch: number;
  /** Of the epoch at hand. */
  batch = 0;
  microseconds = 0;
  logNames: readonly string[] = [];
  ownLogNames: readonly string[] = [];
  means: Means;
  /** Ends the fit after the span at hand. */
  stopping = false;
  /** What a listener threw in the middle of a span. */
  failure: { error: unknown } | undefined;
  /** A step's loss that was not finite: there is no use in going on from here. */
  diverged: number | undefined;
  readonly #began = performance.now();
  readonly #secondsBefore: number;
  /** Callbacks that may keep weights. */
  readonly #keepers: readonly Callback[];
  /** Before the callbacks of the epoch at hand: who goes on from its beginning calls them again. */
  #rateBefore: number | undefined;
  /** When the epoch at hand began, and what it had taken before a resume. */
  #epochBegan = 0;
  #elapsed: number;
  /** The epoch whose end all callbacks have heard of that are not last. */
  #heard: number | undefined;
  #pausing = false;
  #controller = new AbortController();
  readonly #forward = () => this.#controller.abort();
  #fingerprint: string | undefined;

  constructor(private readonly job: FitJob) {
    const { resume, seed, initialEpoch, plan, trainRows, batchSize, signal } = job;
    this.history = new History(seed, resume?.history);
    this.#secondsBefore = this.history.timing.fitSeconds;
    this.batches = trainRows === UNKNOWN ? Number.POSITIVE_INFINITY : Math.ceil(trainRows / batchSize);
    this.epoch = resume?.epoch ?? initialEpoch;
    this.batch = resume?.batch ?? 0;
    this.microseconds = resume?.microseconds ?? 0;
    this.means = new Means(plan, resume?.means);
    this.#keepers = job.callbacks.filter((callback) => 'bestWeights' in callback);
    this.#keepers.forEach((callback, i) => {
      callback.bestWeights = resume?.bestWeights?.[i];
    });
    this.#elapsed = resume?.elapsed ?? 0;
    signal?.addEventListener('abort', this.#forward, { once: true });
  }

  get model(): TrainedModel {
    return this.job.model;
  }

  get seed(): number {
    return this.job.seed;
  }

  get batchSize(): number {
    return this.job.batchSize;
  }

  get resumed(): boolean {
    return this.job.resume !== undefined;
  }

  get epochs(): number {
    return this.job.epochs;
  }

  get step(): number {
    return this.job.position.step;
  }

  get learningRate(): number {
    return this.job.position.learningRate;
  }

  set learningRate(rate: number) {
    const checked = real('TrainingContext', 'learningRate', rate, undefined, range.notNegative);
    this.job.position.learningRate = checked;
  }

  /** The rates of the next `steps` steps. @param schedule says each; else all are the one that is set */
  ratesOf(steps: number, schedule: Callback | undefined): Float64Array {
    const rates = new Float64Array(steps).fill(this.learningRate);
    if (!schedule) return rates;
    return rates.map((_, i) =>
      real('fit', 'learningRateAt', schedule.learningRateAt?.(this.step + i), undefined, range.notNegative),
    );
  }

  get accuracyNames(): readonly string[] {
    const accuracies = this.job.plan.metrics.filter(isAccuracy);
    const names = accuracies.flatMap(({ name }) => [name, validationName(name)]);
    return this.logNames.filter((name) => names.includes(name));
  }

  get stepMicroseconds(): number {
    return this.batch === 0 ? 0 : this.microseconds / this.batch;
  }

  get aborted(): boolean {
    return this.job.signal?.aborted ?? false;
  }

  /** Of all of fit, before a resume, too. */
  get fitSeconds(): number {
    return this.#secondsBefore + (performance.now() - this.#began) / 1000;
  }

  /** Wall time of the epoch at hand. */
  get epochSeconds(): number {
    return (performance.now() - this.#epochBegan + this.#elapsed) / 1000;
  }

  stop(): void {
    this.stopping = true;
    this.#controller.abort();
  }

  pause(): void {
    this.#pausing = true;
    this.#controller.abort();
  }

  fail(error: unknown): void {
    this.failure ??= { error };
    this.#controller.abort();
  }

  /** Ends the span; what it reports says why. */
  halt(): void {
    this.#controller.abort();
  }

  beginEpoch(epoch: number): void {
    this.#epochBegan = performance.now();
    this.#rateBefore = this.learningRate;
    // The first is in place, and perhaps half done.
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.batch = 0;
    this.microseconds = 0;
    this.#elapsed = 0;
    this.means = new Means(this.job.plan);
  }

  /** Its record counts from here on: who goes on from there does not call the callbacks for it again. */
  endEpoch(): void {
    this.#heard = this.epoch;
  }

  /** Batches of the epoch, where a stream says only with its end how many there are. @throws ERR_DATA_STREAM */
  count({ order, first, last }: Pick<Stretch, 'order' | 'first' | 'last'>, batchSize: number): void {
    const batches = first + Math.ceil(order.length / batchSize);
    const known = this.batches;
    if (last && known === Number.POSITIVE_INFINITY) this.batches = batches;
    else if (last ? batches !== known : batches >= known)
      throw new FusorError(
        'ERR_DATA_STREAM',
        [
          `the rows ${last ? `end after batch ${batches}` : 'go on after the last batch'}, an epoch has ${known}`,
          `fit, epoch ${this.epoch + 1}`,
          'give as many rows in each epoch',
        ],
        { epoch: this.epoch, batches, expected: known },
      );
  }

  /** Aborted by the user's signal, by stop, pause and fail. */
  beginSpan(): AbortSignal {
    this.#controller = new AbortController();
    if (this.#pausing || this.stopping || this.failure || this.aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  /** @returns whether the span may have ended early and training just goes on */
  endSpan(steps: number, milliseconds: number): boolean {
    this.job.position.step += steps;
    this.batch += steps;
    this.microseconds += milliseconds * 1000;
    const paused = this.#pausing;
    this.#pausing = false;
    return paused || this.stopping;
  }

  async checkpoint(): Promise<Checkpoint> {
    const { job, history, batch, means, microseconds } = this;
    const best = this.#keepers.map(({ bestWeights }) => bestWeights);
    const { plan, epochs, batchSize, trainRows, shuffle, bufferRows, classWeight, seed } = job;
    const { session, model, examples, validation } = job;
    const state = await session.readState();
    checkFiniteState(state, this.learningRate, this.diverged);
    history.timing.fitSeconds = this.fitSeconds;
    this.#fingerprint ??= fingerprintOf(examples, validation);
    const config = JSON.parse(JSON.stringify(model.toJSON()));
    const ended = this.#heard === this.epoch;
    const atBeginning = batch === 0 && !ended;
    const learningRate = (atBeginning ? this.#rateBefore : undefined) ?? this.learningRate;
    const options = { epochs, batchSize, trainRows, shuffle, bufferRows, classWeight, seed };
    const fixed = { plan, config, ...options, data: this.#fingerprint };
    const reached = {
      state,
      learningRate,
      history: history.record(ended || history.epoch.at(-1) !== this.epoch),
      ...(best.some(Boolean) && { bestWeights: best }),
    };
    if (ended) {
      const none = new Means(plan).record();
      return {
        ...fixed,
        ...reached,
        epoch: this.epoch + 1,
        batch: 0,
        means: none,
        microseconds: 0,
        elapsed: 0,
      };
    }
    const elapsed = this.epochSeconds * 1000;
    return { ...fixed, ...reached, epoch: this.epoch, batch, means: means.record(), microseconds, elapsed };
  }

  /** @throws what a listener threw, or the reason of the user's abort */
  throwIfEnded(): void {
    if (this.failure) throw this.failure.error;
    if (this.job.signal?.aborted) throw abortError(this.job.signal);
  }

  close(): void {
    this.job.signal?.removeEventListener('abort', this.#forward);
  }
}
