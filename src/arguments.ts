/**
 * The grammar in which every public function checks its arguments: *name must be allowed, got value · where*.
 * Objects of options are closed: a key that is not known is an error with the nearest name that is.
 */
import { isProxy } from 'node:util/types';
import { FusorError, isFusorError, nearestName } from './errors';

/** A value as a person would write it, on one line and never long. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (isProxy(value)) return 'a proxy';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `a ${value[Symbol.toStringTag as never] ?? 'DataView'}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** The error of a wrong argument. */
export function wrong(where: string, name: string, value: unknown, allowed: string, mend = ''): FusorError {
  return new FusorError('ERR_ARG', [`${name} must be ${allowed}, got ${show(value)}`, where, mend], {
    argument: name,
    received: show(value),
    expected: allowed,
  });
}

/**
 * Does `work`, which reads objects of the user's. What their getters and proxies throw is an error of the argument.
 * @throws ERR_ARG with the cause; errors of ours as they are
 */
export function reading<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (isFusorError(cause)) throw cause;
    const why = cause instanceof Error ? cause.message.split('\n')[0].slice(0, 100) : show(cause);
    throw new FusorError(
      'ERR_ARG',
      [`an argument cannot be read (${why})`, where, 'pass plain data'],
      {},
      { cause },
    );
  }
}

/**
 * A shallow copy of an object of options, each property read once; undefined counts as {}.
 * @throws ERR_ARG for anything that is no plain object, for an unknown key, and when a getter throws
 */
export function closed<T extends object>(
  where: string,
  options: unknown,
  keys: readonly (keyof T & string)[],
): T {
  if (options === undefined) return {} as T;
  const copy = reading(where, () => {
    const isObject = typeof options === 'object' && options !== null;
    if (!isObject || Array.isArray(options) || ArrayBuffer.isView(options))
      throw wrong(where, 'options', options, `an object with ${keys.join(', ')}`);
    return { ...options } as Record<string, unknown>;
  });
  for (const key of Object.keys(copy)) {
    if ((keys as readonly string[]).includes(key)) continue;
    const near = nearestName(key, keys);
    const mend = near ? `did you mean ${near}?` : `known are ${keys.join(', ')}`;
    throw new FusorError('ERR_ARG', [`unknown option ${show(key)}`, where, mend], { argument: key });
  }
  return copy as T;
}

/** An integer from min to max; `fallback` when undefined. */
export function integer(
  where: string,
  name: string,
  value: unknown,
  { min, max, fallback }: { min: number; max: number; fallback?: number },
): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw wrong(where, name, value, `an integer from ${min} to ${max}`);
}

/** The most rows, steps or epochs: what a signed integer of 32 bits holds, as native code counts them. */
export const MAX_COUNT = 2 ** 31 - 1;

/** An integer from `min` to {@link MAX_COUNT}; `fallback` when undefined. */
export function count(
  where: string,
  name: string,
  value: unknown,
  { min = 1, fallback }: { min?: number; fallback?: number } = {},
): number {
  return integer(where, name, value, { min, max: MAX_COUNT, fallback });
}

/** A finite number with its range in words, e.g. `[(v) => v > 0, 'greater than 0']`. */
export function real(
  where: string,
  name: string,
  value: unknown,
  fallback: number | undefined,
  [allowed, words]: readonly [(value: number) => boolean, string],
): number {
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value === 'number' && Number.isFinite(value) && allowed(value)) return value;
  throw wrong(where, name, value, `a number ${words}`);
}

/** Ranges for {@link real}. */
export const range = {
  /** All of them reach the backends as float32, where more would be infinite. */
  any: [(v: number) => Math.abs(v) <= 3.4e38, 'from -3.4e38 to 3.4e38'],
  /** What is divided by: less is taken for 0 where denormal numbers are. */
  divisor: [(v: number) => v >= 2 ** -126 && v <= 3.4e38, 'from 1.2e-38 to 3.4e38'],
  positive: [(v: number) => v > 0 && v <= 3.4e38, 'greater than 0 and at most 3.4e38'],
  notNegative: [(v: number) => v >= 0 && v <= 3.4e38, 'from 0 to 3.4e38'],
  fraction: [(v: number) => v >= 0 && v < 1, 'from 0 to below 1'],
  share: [(v: number) => v >= 0 && v <= 1, 'from 0 to 1'],
} as const;

export function boolean(where: string, name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === 'boolean') return value;
  throw wrong(where, name, value, 'true or false');
}

/** Text that is not empty: a path, a name. */
export function text(where: string, name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw wrong(where, name, value, 'some text');
}

/** An address of the web. */
export function webAddress(where: string, name: string, value: unknown): string {
  if (typeof value === 'string' && /^https?:\/\/./.test(value)) return value;
  throw wrong(where, name, value, 'a URL that begins with http:// or https://');
}

/** One of a closed list of names. */
export function oneOf<T extends string>(
  where: string,
  name: string,
  value: unknown,
  names: readonly T[],
  fallback?: T,
): T {
  if (value === undefined && fallback !== undefined) return fallback;
  if ((names as readonly unknown[]).includes(value)) return value as T;
  const near = typeof value === 'string' ? nearestName(value, names) : undefined;
  throw wrong(where, name, value, `one of ${names.join(', ')}`, near ? `did you mean ${near}?` : '');
}

/** Seeds of the random generator: integers in [0, 2⁵³). */
export function seedOf(where: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  return integer(where, 'seed', value, { min: 0, max: Number.MAX_SAFE_INTEGER });
}
