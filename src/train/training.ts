import { range, real } from '../arguments';
import type { TrainedModel, TrainingContext } from './callbacks';

/** What outlives a fit: the model keeps it, fit moves it on. */
export interface Position {
  /** Steps done since training began. */
  step: number;
  learningRate: number;
}

/** The state of a running fit, as callbacks see it, and the one way to end its span early. */
export class Training implements TrainingContext {
  epoch: number;
  /** Ends the fit after the span at hand. */
  stopping = false;
  /** What a listener threw in the middle of a span. */
  failure: { error: unknown } | undefined;
  /** Of the epoch at hand. */
  microseconds = 0;
  batch = 0;
  readonly #controller = new AbortController();
  readonly #forward = () => this.#controller.abort();

  constructor(
    readonly model: TrainedModel,
    private readonly position: Position,
    readonly seed: number,
    readonly batchSize: number,
    readonly batches: number,
    initialEpoch: number,
    readonly epochs: number,
    /** The user's signal. */
    private readonly outer: AbortSignal | undefined,
  ) {
    this.epoch = initialEpoch;
    outer?.addEventListener('abort', this.#forward, { once: true });
  }

  /** Ends the running span: aborted by the user's signal, by stop and by fail. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get step(): number {
    return this.position.step;
  }

  get learningRate(): number {
    return this.position.learningRate;
  }

  set learningRate(rate: number) {
    this.position.learningRate = real('TrainingContext', 'learningRate', rate, undefined, range.notNegative);
  }

  get stepMicroseconds(): number {
    return this.batch === 0 ? 0 : this.microseconds / this.batch;
  }

  stop(): void {
    this.stopping = true;
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
    this.epoch = epoch;
    this.microseconds = 0;
    this.batch = 0;
  }

  advance(steps: number, milliseconds: number): void {
    this.position.step += steps;
    this.batch += steps;
    this.microseconds += milliseconds * 1000;
  }

  /** @throws what a listener threw, or the reason of the user's abort */
  throwIfEnded(): void {
    if (this.failure) throw this.failure.error;
    if (this.outer?.aborted) throw abortError(this.outer);
  }

  close(): void {
    this.outer?.removeEventListener('abort', this.#forward);
  }
}

/** The signal's reason where it is an error, else an AbortError. */
export function abortError({ reason }: AbortSignal): unknown {
  const isError = typeof reason === 'object' && reason !== null && 'message' in reason;
  return isError ? reason : new DOMException(`aborted: ${String(reason)}`, 'AbortError');
}
