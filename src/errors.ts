/** The families of errors; each has one exit status on the command line (see {@link exitStatusOf}). */
const EXIT_STATUS = {
  usage: 2,
  data: 3,
  model: 4,
  backend: 5,
  io: 6,
  numeric: 7,
  device: 8,
} as const;

export type ErrorFamily = keyof typeof EXIT_STATUS;

/** Every code that fusor throws, and the family it belongs to. */
const FAMILY_OF = {
  ERR_ARG: 'usage',
  ERR_STATE: 'usage',
  ERR_SHAPE: 'usage',
  ERR_PLAN: 'usage',
  ERR_LOCKED: 'usage',
  ERR_DATA_TRUNCATED: 'data',
  ERR_DATA_MAGIC: 'data',
  ERR_DATA_EMPTY: 'data',
  ERR_DATA_DTYPE: 'data',
  ERR_DATA_FORMAT: 'data',
  ERR_DATA_DIGEST: 'data',
  ERR_DATA_MISSING: 'data',
  ERR_DATA_MISMATCH: 'data',
  ERR_DATA_STREAM: 'data',
  ERR_TOKEN_RANGE: 'data',
  ERR_LABEL_RANGE: 'data',
  ERR_NONFINITE_INPUT: 'data',
  ERR_NET: 'data',
  ERR_FILE_HEADER: 'model',
  ERR_FILE_FORMAT: 'model',
  ERR_DTYPE_UNSUPPORTED: 'model',
  ERR_NONFINITE_WEIGHTS: 'model',
  ERR_LAYER_UNKNOWN: 'model',
  ERR_PATH_ESCAPE: 'model',
  ERR_CKPT_VERSION: 'model',
  ERR_CKPT_MISMATCH: 'model',
  ERR_BACKEND_UNAVAILABLE: 'backend',
  ERR_BACKEND_CONFLICT: 'backend',
  ERR_UNSUPPORTED: 'backend',
  ERR_IO: 'io',
  ERR_NONFINITE_LOSS: 'numeric',
  ERR_NONFINITE_OUTPUT: 'numeric',
  ERR_DEVICE_LOST: 'device',
  ERR_OUT_OF_MEMORY: 'backend',
  ERR_NATIVE: 'internal',
  ERR_NATIVE_ARG: 'internal',
} as const satisfies Record<string, ErrorFamily | 'internal'>;

export type ErrorCode = keyof typeof FAMILY_OF;

/** Structured facts about an error: file, byte, layer, index, expected, received … JSON-safe. */
export type ErrorDetails = Record<string, string | number | boolean | null | string[] | number[]>;

/** What is wrong, where, how to mend it; '' where there is nothing to say. */
export interface ErrorParts {
  what: string;
  where: string;
  mend: string;
}

/**
 * The one error class of fusor. The message is one line: *what · where · how to mend*.
 * Test for `error.code`, not for the class: errors cross realms and threads.
 */
export class FusorError extends Error {
  override readonly name = 'FusorError';
  readonly #parts: ErrorParts;

  constructor(
    readonly code: ErrorCode,
    /** Empty ones are left out of the message. */
    [what, where = '', mend = '']: readonly [what: string, where?: string, mend?: string],
    readonly details: ErrorDetails = {},
    options?: { cause?: unknown },
  ) {
    super(printable([what, where, mend].filter(Boolean).join(' · ')), options);
    this.#parts = { what, where, mend };
  }

  /** What the message is made of. */
  get parts(): ErrorParts {
    return this.#parts;
  }

  toJSON(): { code: ErrorCode; message: string; details: ErrorDetails } {
    return { code: this.code, message: this.message, details: this.details };
  }
}

/** In one line: what a file calls its parts may hold line breaks, and codes that move a terminal's cursor. */
export function printable(text: string): string {
  const escaped = (control: string) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, escaped);
}

/** Of an error that native code threw there is only the message. */
export function partsOf(error: { message: string; parts?: ErrorParts }): ErrorParts {
  const [what, where = '', mend = ''] = error.message.split(' · ');
  return error.parts ?? { what, where, mend };
}

/** Whether `error` carries a fusor code, whichever realm made it. */
export function isFusorError(error: unknown): error is FusorError {
  if (typeof error !== 'object' || error === null) return false;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && Object.hasOwn(FAMILY_OF, code);
}

/** Exit status for an error: 1 is our bug, the rest are in the README's table. */
export function exitStatusOf(error: unknown): number {
  if (!isFusorError(error)) return 1;
  const family = FAMILY_OF[error.code];
  return family === 'internal' ? 1 : EXIT_STATUS[family];
}

/** What others call it; nothing: another thing than the name that is nearest. */
const ALSO_CALLED: Readonly<Record<string, readonly string[]>> = {
  gpu: ['cuda'],
  lr: ['learning-rate', 'learningRate'],
  global_clipnorm: ['clipNorm', 'clip-norm'],
  globalclipnorm: ['clipNorm', 'clip-norm'],
  save_best_only: ['save'],
  savebestonly: ['save'],
  binary_accuracy: ['accuracy'],
  categorical_accuracy: ['accuracy'],
  sparse_categorical_accuracy: ['accuracy'],
  nadam: [],
  rmse: [],
};

/**
 * What of `names` was meant by `name`, for "did you mean": what others call so, what begins so, or the nearest (edit distance ≤ 3 and
 * less than half its length).
 */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const called = Object.hasOwn(ALSO_CALLED, lower) ? ALSO_CALLED[lower] : undefined;
  if (called?.length === 0) return undefined;
  const known = called?.find((each) => names.includes(each));
  if (known) return known;
  const begun = names.filter((candidate) => candidate.toLowerCase().startsWith(name.toLowerCase()));
  if (name.length > 2 && begun.length > 0) return begun.sort((a, b) => a.length - b.length)[0];
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.ceil(name.length / 3)) + 1;
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, substitution));
    }
    row = next;
  }
  return row[b.length];
}
