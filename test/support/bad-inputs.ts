/** The table of bad inputs: what is tried, and what the error must name. */

export interface BadInput {
  name: string;
  /** What is done with it; must fail. */
  attempt: () => unknown;
  code: string;
  /** In the message: where it is, and what to do about it. */
  place: string | RegExp;
  cure: string | RegExp;
}

export type Row = readonly [
  name: string,
  attempt: () => unknown,
  code: string,
  place: string | RegExp,
  cure: string | RegExp,
];

export const rows = (list: readonly Row[]): BadInput[] =>
  list.map(([name, attempt, code, place, cure]) => ({ name, attempt, code, place, cure }));

/** An object whose properties cannot be read. */
export function hostile<T>(): T {
  return new Proxy(
    {},
    {
      get() {
        throw new Error('not yours');
      },
      ownKeys() {
        throw new Error('not yours');
      },
    },
  ) as T;
}

export function revoked<T>(target: object = {}): T {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy as T;
}

/** An object with one property, whose getter throws. */
export function throwing<T>(key: string): T {
  return Object.defineProperty({}, key, {
    enumerable: true,
    get() {
      throw new Error('not yours');
    },
  }) as T;
}
