/**
 * A model over HTTP: KServe's v1 predict protocol, and a page. On this computer only unless told otherwise; then only what
 * names this address is answered, so that no other site's page gets at it, be it by rebinding its name or across origins.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { FusorError, isFusorError } from '../../errors';
import { systemCode } from '../../files/system-error';
import type { Model, NDArray } from '../../index';
import { HEADERS, isLoopback, isThisHost, isThisOrigin, type Resources } from '../local-http';
import { checkFinite, rowOf } from '../predict/answers';
import { rowInputs, type Wanted } from '../predict/json';

const MAX_BODY = 16 << 20;
const MAX_CONNECTIONS = 64;
/** Milliseconds, twice, in which nothing of an answer is read: then nobody reads it, and it would hold its connection for ever. */
const UNREAD = 5000;
/** Numbers of an answer that become text at a time: others are answered in between. */
const NUMBERS = 1 << 15;

const JSON_HEADERS = { ...HEADERS, 'content-type': 'application/json' };

/** An answer that is no 200. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** What is served, and how it is told of. */
export interface Service {
  model: Model;
  name: string;
  /** What a row is: of a model of a table its cells. */
  wanted: Wanted;
  /** In the order of the outputs, where they have names. */
  classNames?: readonly string[];
  resources: Resources;
}

export interface Served {
  server: Server;
  /** http://127.0.0.1:8501 */
  address: string;
}

/**
 * @param host 127.0.0.1, or another address of this computer's, which then answers whoever reaches it
 * @param port 0: any that is free
 * @throws ERR_IO where the address cannot be had
 */
export async function serveModel(service: Service, host: string, port: number): Promise<Served> {
  const server = createServer({
    headersTimeout: 5000,
    requestTimeout: 10_000,
    connectionsCheckingInterval: 1000,
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((done, failed) => {
    server.once('error', (cause) => {
      const parts = [
        `the address cannot be had (${cause.message})`,
        `${host}:${port}`,
        ['ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL'].includes(systemCode(cause))
          ? 'name an address of this computer: --host'
          : 'name another: --port',
      ] as const;
      failed(new FusorError('ERR_IO', parts, { host, port }, { cause }));
    });
    server.listen(port, host, done);
  });
  server.on('error', () => {});
  server.on('clientError', (_, socket) => socket.destroy());
  const bound = (server.address() as { port: number }).port;
  server.on('request', async (request, response) => {
    response.on('prefinish', () => response.setTimeout(UNREAD, () => response.destroy()));
    try {
      checkOrigin(request, isLoopback(host) ? bound : undefined);
      await answer(request, response, service);
    } catch (error) {
      const status = error instanceof Refusal ? error.status : isFusorError(error) ? 400 : 500;
      json(response, status, { error: status === 500 ? 'internal error' : (error as Error).message });
    }
  });
  return { server, address: `http://${host.includes(':') ? `[${host}]` : host}:${bound}` };
}

/** @param port that this server has on this computer alone; undefined where others reach it, by whatever name */
function checkOrigin({ headers: { host, origin } }: IncomingMessage, port: number | undefined): void {
  if (port !== undefined && !isThisHost(host, port)) throw new Refusal(403, 'not this host');
  if (!isThisOrigin(origin, host)) throw new Refusal(403, 'not from this origin');
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { model, name, wanted, classNames: classes, resources }: Service,
): Promise<void> {
  const [path] = (request.url ?? '').split('?');
  const predict = `/v1/models/${name}:predict`;
  const get = Object.hasOwn(resources, path) || path === '/v1/models' || path === `/v1/models/${name}`;
  if (!get && path !== predict) throw new Refusal(404, 'not here');
  if (request.method !== (get ? 'GET' : 'POST')) throw new Refusal(405, `${get ? 'GET' : 'POST'} only`);
  if (path === '/v1/models') return json(response, 200, { models: [name] });
  if (path === predict) {
    const answers = await predictions(model, wanted, await bodyOf(request));
    response.writeHead(200, JSON_HEADERS).setTimeout(UNREAD, () => response.destroy());
    return pipeline(Readable.from(textOf(answers)), response);
  }
  if (get && path !== `/v1/models/${name}`) {
    const { type, body } = resources[path];
    response.writeHead(200, { ...HEADERS, 'content-type': type }).end(body);
    return;
  }
  const { inputShape, outputShape } = model;
  const columns = wanted.schema?.columns.map((column) => column.name);
  const names = { ...(columns && { columns }), ...(classes && { classes }) };
  json(response, 200, { name, ready: true, inputShape, outputShape, ...names });
}

/** @param text {instances: [rows]} */
async function predictions(model: Model, wanted: Wanted, text: string): Promise<NDArray<Float32Array>> {
  let instances: unknown;
  try {
    ({ instances } = JSON.parse(text));
  } catch {
    throw new Refusal(400, 'not JSON: send {"instances": [...]}');
  }
  if (!Array.isArray(instances) || instances.length === 0)
    throw new Refusal(400, 'instances must be a list of at least one row: {"instances": [...]}');
  const answers = await model.predict(rowInputs(instances, 'instances', wanted));
  checkFinite(answers, (row) => String(row + 1));
  return answers;
}

/** {predictions: [rows]}, piece by piece. */
async function* textOf(answers: NDArray<Float32Array>): AsyncGenerator<string> {
  const [rows, outputs] = answers.shape;
  const most = Math.ceil(NUMBERS / outputs);
  for (let begin = 0; begin < rows; begin += most) {
    const some = Array.from({ length: Math.min(most, rows - begin) }, (_, i) => rowOf(answers, begin + i));
    yield `${begin === 0 ? '{"predictions":[' : ','}${JSON.stringify(some).slice(1, -1)}`;
    await setImmediate();
  }
  yield ']}\n';
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  // Another site's form cannot send this type without asking first.
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
    throw new Refusal(415, 'content-type must be application/json');
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_BODY) throw new Refusal(413, `more than ${MAX_BODY} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function json(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return;
  const close = status >= 400 ? { connection: 'close' } : {};
  response.writeHead(status, { ...JSON_HEADERS, ...close });
  response.end(`${JSON.stringify(body)}\n`);
}
