/** Kinds of options. One option is a flag (--batch-size), a variable (FUSOR_BATCH_SIZE) and a key (batchSize). */
import { MAX_COUNT, oneOf, webAddress, wrong } from '../arguments';

export interface Option<T> {
  describe: string;
  /** Shown in the help for the value; absent for a switch. */
  placeholder?: string;
  fallback: T;
  /** The fallback as a user would write it, where that is not its own text. */
  written?: string;
  /** One letter: -w. */
  short?: string;
  /** Whether it takes several values with commas between them; a flag that comes again, then, adds to them. */
  list?: true;
  /** Its variable when that is not FUSOR_ and the name. */
  variable?: string;
  /**
   * The value of what was written: text from a flag or variable, JSON from a file.
   * @param where how the user named it, for the error
   * @throws ERR_ARG
   */
  parse(written: unknown, where: string): T;
}

export type Options = Record<string, Option<unknown>>;
export type Settings<O extends Options> = { [K in keyof O]: O[K] extends Option<infer T> ? T : never };

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function toNumber(written: unknown): number {
  if (typeof written === 'number') return written;
  return typeof written === 'string' && NUMBER.test(written.trim()) ? Number(written) : Number.NaN;
}

/** Some text, not empty. */
export function text<T extends string | undefined>(
  describe: string,
  placeholder: string,
  fallback: T,
): Option<T> {
  const parse = (written: unknown, where: string) => {
    if (typeof written === 'string' && written !== '') return written as T;
    throw wrong(where, 'the value', written, 'some text');
  };
  return { describe, placeholder, fallback, parse };
}

/** Of the web. */
export function url(describe: string): Option<string | undefined> {
  const parse = (written: unknown, where: string) => webAddress(where, 'the value', written);
  return { describe, placeholder: 'URL', fallback: undefined, parse };
}

export function choice<N extends string, F extends N | undefined>(
  describe: string,
  names: readonly N[],
  fallback: F,
): Option<N | F> {
  const parse = (written: unknown, where: string) => oneOf(where, 'the value', written, names);
  return { describe: `${describe} [${names.join(', ')}]`, placeholder: 'NAME', fallback, parse };
}

/** Some of a closed list of names, separated by commas; in a file a list. */
export function choices<N extends string>(
  describe: string,
  names: readonly N[],
  fallback: readonly N[],
): Option<readonly N[]> {
  const parse = (written: unknown, where: string) => {
    const items = Array.isArray(written) ? written : String(written).split(',');
    return items.map((item) => oneOf(where, 'each value', item, names));
  };
  return {
    describe: `${describe} [${names.join(', ')}]`,
    placeholder: 'NAME,NAME',
    fallback,
    list: true,
    parse,
  };
}

export function integer<F extends number | undefined>(
  describe: string,
  min: number,
  max: number,
  fallback: F,
): Option<number | F> {
  const parse = (written: unknown, where: string) => {
    const value = toNumber(written);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw wrong(where, 'the value', written, `an integer from ${min} to ${max}`);
  };
  return { describe, placeholder: 'N', fallback, parse };
}

/** Of rows, steps or epochs. */
export function count<F extends number | undefined>(
  describe: string,
  fallback: F,
  min = 1,
): Option<number | F> {
  return integer(describe, min, MAX_COUNT, fallback);
}

/** A number of a range: one of those of arguments.ts, or its test and its words. */
export function real<F extends number | undefined>(
  describe: string,
  [allowed, words]: readonly [(value: number) => boolean, string],
  fallback: F,
): Option<number | F> {
  const parse = (written: unknown, where: string) => {
    const value = toNumber(written);
    if (Number.isFinite(value) && allowed(value)) return value;
    throw wrong(where, 'the value', written, `a number ${words}`);
  };
  return { describe, placeholder: 'X', fallback, parse };
}

/** Comma-separated positive integers; in a file a list. Empty text is the empty list. */
export function integers(describe: string, fallback: readonly number[]): Option<readonly number[]> {
  const parse = (written: unknown, where: string) => {
    const items = Array.isArray(written)
      ? written
      : String(written).trim() === ''
        ? []
        : String(written).split(',');
    const values = items.map(toNumber);
    if (values.every((value) => Number.isInteger(value) && value > 0 && value <= 2 ** 24)) return values;
    throw wrong(where, 'the value', written, `positive integers up to ${2 ** 24}, separated by commas`);
  };
  return { describe, placeholder: 'N,N', fallback, list: true, parse };
}

/** Comma-separated words; in a file a list. @param mayBeEmpty whether one of them may be '' */
export function words(describe: string, placeholder: string, mayBeEmpty = false): Option<readonly string[]> {
  const parse = (written: unknown, where: string) => {
    const items: unknown[] = Array.isArray(written) ? written : String(written).split(',');
    if (items.every((item) => typeof item === 'string' && (mayBeEmpty || item !== '')))
      return items as string[];
    throw wrong(where, 'the value', written, 'words, separated by commas');
  };
  return { describe, placeholder, fallback: [], list: true, parse };
}

const WORDS: Record<string, boolean> = {
  1: true,
  true: true,
  yes: true,
  on: true,
  0: false,
  false: false,
  no: false,
  off: false,
};

export function toggle(describe: string): Option<boolean> {
  const parse = (written: unknown, where: string) => {
    const value = WORDS[String(written).toLowerCase()];
    if (value !== undefined) return value;
    throw wrong(where, 'the value', written, 'true or false');
  };
  return { describe, fallback: false, parse };
}

/** batchSize → batch-size. */
export function flagName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** batchSize → FUSOR_BATCH_SIZE. */
export function variableName(key: string, option: Option<unknown>): string {
  return option.variable ?? `FUSOR_${flagName(key).replaceAll('-', '_').toUpperCase()}`;
}
