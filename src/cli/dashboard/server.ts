/**
 * A page that is fed while something runs. It is on this computer only (the loopback address, a Host of that name, so
 * that no other site's page reaches it by rebinding its name), and for whoever has the token. A page that does not
 * keep up is let go; nothing here keeps the process alive or stops what it watches.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HEADERS, isThisHost, isThisOrigin, type Resources } from '../local-http';

/** Bytes that a page may be behind. */
const BEHIND = 2 ** 20;

export class LiveServer {
  readonly #token = randomBytes(16).toString('hex');
  readonly #server: Server;
  readonly #pages = new Set<ServerResponse>();
  #ended = false;

  /**
   * @param resources made with the token, which each of their requests must carry
   * @param greeting what a page hears first: the event's name and its data
   */
  constructor(
    resources: (token: string) => Resources,
    private readonly greeting: () => [event: string, data: unknown],
  ) {
    const served = resources(this.#token);
    this.#server = createServer((request, response) => this.#answer(request, response, served));
    // A closed lid, a page gone: no matter of ours.
    this.#server.on('clientError', (_, socket) => socket.destroy());
    this.#server.on('connection', (socket) => socket.unref());
    this.#server.unref();
  }

  /** @returns the address, token included @throws what the system says where no port can be had */
  async open(): Promise<string> {
    await new Promise<void>((done, failed) => {
      this.#server.once('error', failed);
      this.#server.listen(0, '127.0.0.1', done);
    });
    this.#server.on('error', () => {});
    return `http://127.0.0.1:${this.#port}/?token=${this.#token}`;
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  send(event: string, data: unknown): void {
    if (this.#pages.size === 0) return;
    const text = eventText(event, data);
    for (const page of this.#pages) {
      if (page.writableLength > BEHIND) page.destroy();
      else page.write(text);
    }
  }

  /** The last that is to be said. Whoever comes until the process ends still gets the page, and the greeting. */
  end(event: string, data: unknown): void {
    this.send(event, data);
    this.#ended = true;
    for (const page of this.#pages) page.end();
  }

  #answer(request: IncomingMessage, response: ServerResponse, resources: Resources): void {
    const [path, query] = (request.url ?? '').split('?');
    const resource = Object.hasOwn(resources, path) ? resources[path] : undefined;
    const plain = (status: number, why: string) => {
      response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain' }).end(`${why}\n`);
    };
    const { host, origin } = request.headers;
    if (!isThisHost(host, this.#port)) plain(403, 'not this host');
    else if (!isThisOrigin(origin, host)) plain(403, 'not from this origin');
    else if (request.method !== 'GET') plain(405, 'GET only');
    else if (!this.#isToken(new URLSearchParams(query).get('token'))) plain(403, 'no such token');
    else if (path === '/events') this.#feed(response);
    else if (!resource) plain(404, 'not here');
    else response.writeHead(200, { ...HEADERS, 'content-type': resource.type }).end(resource.body);
  }

  #feed(response: ServerResponse): void {
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' });
    response.write(eventText(...this.greeting()));
    if (this.#ended) return void response.end();
    this.#pages.add(response);
    response.on('error', () => {});
    response.on('close', () => this.#pages.delete(response));
  }

  /** In a time that tells nothing of the token. */
  #isToken(given: string | null): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(given ?? ''), digest(this.#token));
  }
}

/** See "Server-sent events" in the HTML standard: JSON has no line breaks. */
function eventText(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
