/** A device that may fail for good: from then on nothing touches it, for what it still answers means nothing. */
import { FusorError, isFusorError } from '../errors';
import type { Backend, Dataset, Examples, Session, SessionState, TrainPlan } from './contract';

/** What the libraries call it. A CUDA error other than lack of memory stays with the process. */
const MEMORY = /CUDA out of memory|CUDA_ERROR_OUT_OF_MEMORY|OOM when allocating|ResourceExhausted/i;
const LOST = /CUDA error|CUDA_ERROR_\w+|cudaError\w+|illegal memory access|device-side assert/i;

type Guard = <T>(call: () => Promise<T>) => Promise<T>;

/**
 * The backend with errors of its device told by code. After the first ERR_DEVICE_LOST every call on every session of
 * it is one, and disposing does nothing: that memory comes back with the end of the process.
 */
export function losable(backend: Backend): Backend {
  const { device } = backend;
  let lost: FusorError | undefined;
  const guard: Guard = async (call) => {
    if (lost) throw lostError(device, lost.details.reason as string);
    try {
      return await call();
    } catch (error) {
      const told = deviceError(error, device);
      if (isFusorError(told) && told.code === 'ERR_DEVICE_LOST') lost ??= told;
      throw told;
    }
  };
  return {
    ...backend,
    createSession: (plan: TrainPlan, state: SessionState) =>
      guard(async () => guarded(await backend.createSession(plan, state), guard, () => lost !== undefined)),
  };
}

class Guarded implements Dataset {
  constructor(
    readonly inner: Dataset,
    private readonly isLost: () => boolean,
  ) {}

  get rows(): number {
    return this.inner.rows;
  }

  dispose(): void {
    if (!this.isLost()) this.inner.dispose();
  }
}

function guarded(session: Session, guard: Guard, isLost: () => boolean): Session {
  let { description } = session;
  const inner = (data: Dataset) => (data instanceof Guarded ? data.inner : data);
  return {
    get description() {
      if (!isLost()) description = session.description;
      return description;
    },
    upload: (examples) => guard(async () => new Guarded(await session.upload(examples), isLost)),
    run: (span, listen) => guard(() => session.run({ ...span, data: inner(span.data) }, listen)),
    evaluate: (data, ...how) => guard(() => session.evaluate(inner(data), ...how)),
    predict: (x: Examples['x']) => guard(() => session.predict(x)),
    readState: () => guard(() => session.readState()),
    writeState: (state) => guard(() => session.writeState(state)),
    dispose: async () => (isLost() ? undefined : session.dispose()),
  };
}

export function lostError(device: string, reason: string, cause?: unknown): FusorError {
  return new FusorError(
    'ERR_DEVICE_LOST',
    [reason, device, 'go on from the last checkpoint, in another process or on another device'],
    { device, reason },
    { cause },
  );
}

export function memoryError(device: string, reason: string, cause?: unknown): FusorError {
  return new FusorError(
    'ERR_OUT_OF_MEMORY',
    [reason, device, 'lower batchSize, or free memory of the GPU'],
    { device },
    { cause },
  );
}

function deviceError(error: unknown, device: string): unknown {
  const message = error instanceof Error ? error.message : String(error);
  if (isFusorError(error) && error.code !== 'ERR_NATIVE') return error;
  const line = message.split('\n')[0];
  if (MEMORY.test(message)) return memoryError(device, line, error);
  return LOST.test(message) ? lostError(device, line, error) : error;
}
