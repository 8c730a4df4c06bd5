/** What both servers keep to: a page of theirs is framed, cached and asked for by nobody else. */

/** What is served as it is, by path. */
export type Resources = Readonly<Record<string, { type: string; body: string | Buffer }>>;

export const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/** Whether only this computer reaches an address. */
export const isLoopback = (host: string): boolean => /^(127\.|::1$|localhost$)/.test(host);

/** A Host that names this computer: another name was rebound to its address. */
export function isThisHost(host: string | undefined, port: number): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].some((name) => host?.toLowerCase() === `${name}:${port}`);
}

/** Browsers say where a script came from; whatever else asks says nothing. */
export const isThisOrigin = (origin: string | undefined, host: string | undefined): boolean =>
  origin === undefined || origin === `http://${host}`;
