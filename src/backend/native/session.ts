/** A contract session over a native one: signals to aborts, native errors to ours. */
import { type ErrorCode, FusorError, isFusorError } from '../../errors';
import type {
  Dataset,
  Examples,
  Listener,
  Metrics,
  RowRange,
  Session,
  SessionDescription,
  SessionState,
  Span,
  SpanReport,
  TrainPlan,
} from '../contract';
import type { NativeBinding, NativeOptions, NativeSession, Token } from './binding';
import { delayFor, timelineOf } from './timeline';

/** Progress listeners by the token of their job. */
type Listeners = Map<Token, NonNullable<Listener['onProgress']>>;

export async function openSession(
  native: NativeBinding,
  plan: TrainPlan,
  state: SessionState,
  options: NativeOptions,
): Promise<Session> {
  const listeners: Listeners = new Map();
  const session = atOnce(
    () =>
      new native.Session(plan, state, options, (token, stepsDone, loss, metrics) =>
        listeners.get(token)?.({ stepsDone, loss, metrics }),
      ),
  );
  if (options.device) await started(session);
  const obstacle = options.kernels === 'auto' ? native.fusedObstacle(plan, options) : null;
  return new ContractSession(plan, session, listeners, obstacle === null ? {} : { notFused: obstacle });
}

async function started(session: NativeSession): Promise<void> {
  const caller = new Error();
  try {
    await session.start();
  } catch (error) {
    await session.dispose();
    throw ours(error, caller);
  }
}

class NativeDataset implements Dataset {
  disposed = false;

  constructor(
    readonly owner: NativeSession,
    readonly id: number,
    readonly rows: number,
  ) {}

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.owner.release(this.id);
  }
}

class ContractSession implements Session {
  #description: SessionDescription;
  #nextToken: Token = 0;
  #disposal: Promise<void> | undefined;

  constructor(
    private readonly plan: TrainPlan,
    private readonly native: NativeSession,
    private readonly listeners: Listeners,
    private readonly why: Pick<SessionDescription, 'notFused'>,
  ) {
    this.#description = { ...native.describe(), ...why };
  }

  /** Of the kernels that ran last: which they are depends on the data. */
  get description(): SessionDescription {
    if (!this.#disposal) this.#description = { ...this.native.describe(), ...this.why };
    return this.#description;
  }

  async upload(examples: Examples): Promise<Dataset> {
    this.#refuseIfDisposed();
    const id = atOnce(() => this.native.upload(examples));
    return new NativeDataset(this.native, id, examples.rows);
  }

  async run({ data, ...span }: Span, { signal, onProgress, timeline }: Listener = {}): Promise<SpanReport> {
    const id = this.#idOf(data);
    if (signal?.aborted) return this.#nothingDone();
    const called = performance.now() * 1000;
    const { timeline: stamps, ...report } = await this.#job(signal, (token) => {
      if (onProgress) this.listeners.set(token, onProgress);
      const delay = delayFor(this.plan, timeline);
      return this.native.run(token, id, span, onProgress !== undefined, delay);
    });
    // Not every trainer stamps what it does.
    const told = timeline && stamps && stamps.tracks.length > 0;
    return told ? { ...report, timeline: timelineOf(stamps, this.plan, called) } : report;
  }

  async evaluate(
    data: Dataset,
    { begin, end }: RowRange,
    batchSize: number,
    signal?: AbortSignal,
  ): Promise<Metrics> {
    const id = this.#idOf(data);
    signal?.throwIfAborted();
    const metrics = await this.#job(signal, (token) =>
      this.native.evaluate(token, id, begin, end, batchSize),
    );
    if (metrics) return metrics;
    // Aborted: by the signal, or by dispose.
    signal?.throwIfAborted();
    throw disposedError();
  }

  predict(x: Examples['x']): Promise<Float32Array> {
    return this.#job(undefined, () => this.native.predict(x));
  }

  readState(): Promise<SessionState> {
    return this.#job(undefined, () => this.native.readState());
  }

  writeState(state: SessionState): Promise<void> {
    return this.#job(undefined, () => this.native.writeState(state));
  }

  async dispose(): Promise<void> {
    this.#disposal ??= this.native.dispose();
    return this.#disposal;
  }

  /** One asynchronous call: its token, its signal, and errors with the caller's stack. */
  async #job<T>(signal: AbortSignal | undefined, call: (token: Token) => Promise<T>): Promise<T> {
    this.#refuseIfDisposed();
    const token = this.#nextToken++;
    const caller = new Error();
    const abort = () => this.native.abort(token);
    signal?.addEventListener('abort', abort);
    try {
      return await call(token);
    } catch (error) {
      throw ours(error, caller);
    } finally {
      signal?.removeEventListener('abort', abort);
      this.listeners.delete(token);
    }
  }

  #nothingDone(): SpanReport {
    const none = new Float32Array();
    return { stepsDone: 0, stopped: 'aborted', losses: none, metrics: this.plan.metrics.map(() => none) };
  }

  #idOf(data: Dataset): number {
    this.#refuseIfDisposed();
    if (!(data instanceof NativeDataset) || data.owner !== this.native) {
      throw new FusorError('ERR_STATE', [
        'the data set belongs to another session',
        '',
        'upload it to this one',
      ]);
    }
    if (data.disposed) {
      throw new FusorError('ERR_STATE', ['the data set is disposed', '', 'upload it again']);
    }
    return data.id;
  }

  #refuseIfDisposed(): void {
    if (this.#disposal) throw disposedError();
  }
}

function disposedError(): FusorError {
  return new FusorError('ERR_STATE', ['the session is disposed', 'native backend', 'create a new one']);
}

/** For calls that throw at once. */
function atOnce<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw ours(error, new Error());
  }
}

/** A native error as one of ours, with the JavaScript stack of whoever called. */
function ours(error: unknown, caller: Error): unknown {
  const { code, message } = error as { code?: ErrorCode; message?: string };
  if (error instanceof FusorError || !isFusorError(error)) return error;
  const mended = new FusorError(code as ErrorCode, [message ?? 'unknown error'], {}, { cause: error });
  mended.stack = `${mended.name}: ${mended.message}\n${caller.stack?.split('\n').slice(2).join('\n')}`;
  return mended;
}
