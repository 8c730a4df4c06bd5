/** Errors on their way from one process to another. */
import { type ErrorCode, type ErrorParts, FusorError, isFusorError, partsOf } from '../errors';
import { Interrupted } from './interrupt';
import { asOurs } from './outside-error';

/** JSON-safe. */
export interface ToldError {
  message: string;
  name?: string;
  code?: string;
  parts?: ErrorParts;
  details?: object;
  stack?: string;
}

export function toldError(thrown: unknown): ToldError {
  const error = asOurs(thrown);
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  const { code, parts, details } = error as { code?: string; parts?: ErrorParts; details?: object };
  return { name, message, stack, code, parts, details };
}

/** The error as it would have been here. @param where names the other process, where the error is none of ours */
export function revived({ name, code = '', message, parts, details, stack }: ToldError, where = ''): Error {
  if (name === 'AbortError') return new Interrupted(code as 'SIGINT', message, details as never);
  if (isFusorError({ code })) {
    const { what, where: at, mend } = partsOf({ message, parts });
    return new FusorError(code as ErrorCode, [what, at, mend], details as never);
  }
  return Object.assign(new Error(where ? `${where}: ${message}` : message), stack && { stack });
}
