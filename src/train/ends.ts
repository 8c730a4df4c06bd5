/** What ends a fit or an evaluation from outside. */
import { FusorError, isFusorError } from '../errors';

export interface Ends {
  /** The user's. */
  signal?: AbortSignal | undefined;
  /** Aborted once the model is disposed. */
  disposed: AbortSignal;
}

/** What `work` gives; its end from outside does not wait for it: a source of rows may take its time. */
export async function unlessEnded<T>(
  work: Promise<T>,
  { signal, disposed }: Ends,
  where: string,
): Promise<T> {
  let end: (error: unknown) => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    end = reject;
  });
  const abort = () => end(abortError(signal!));
  const dispose = () => end(disposedError(where));
  signal?.addEventListener('abort', abort);
  disposed.addEventListener('abort', dispose);
  if (disposed.aborted) dispose();
  if (signal?.aborted) abort();
  try {
    return await Promise.race([work, ended]);
  } finally {
    signal?.removeEventListener('abort', abort);
    disposed.removeEventListener('abort', dispose);
  }
}

/** What was thrown, in words of fit's: as {@link abortError} has it, or that the model went with its session. */
export function failureOf(error: unknown, { signal, disposed }: Ends, where: string): unknown {
  if (signal?.aborted && error === signal.reason) return abortError(signal);
  if (disposed.aborted && isFusorError(error) && error.code === 'ERR_STATE') return disposedError(where);
  return error;
}

/** The signal's reason where it is an error, else an AbortError of which it is the cause. */
export function abortError({ reason }: AbortSignal): unknown {
  const isError = typeof reason === 'object' && reason !== null && 'message' in reason;
  return isError
    ? reason
    : new DOMException(`aborted: ${String(reason)}`, { name: 'AbortError', cause: reason });
}

export function disposedError(where: string): FusorError {
  const doing = where === 'fit' ? 'while it was training' : 'meanwhile';
  return new FusorError('ERR_STATE', [`the model was disposed ${doing}`, where]);
}
