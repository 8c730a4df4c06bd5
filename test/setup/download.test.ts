import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { localServer } from '../support/local-server';
import { callScript, repository, temporaryFolder } from '../support/script';

const script = join(repository, 'scripts/lib/download.mjs');
const folder = temporaryFolder();
const content = Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(300_000, 'torch')]);
const sha256 = createHash('sha256').update(content).digest('hex');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let answer: Answer;
let requests: IncomingMessage[] = [];
const server = localServer((request, response) => {
  requests.push(request);
  answer(request, response);
});
const address = () => `${server.url}/libtorch.zip`;
beforeEach(() => {
  requests = [];
});

let count = 0;
async function download(more: object = {}) {
  const target = (more as { target?: string }).target ?? join(folder, String(count++), 'libtorch.zip');
  const options = { sha256, magic: Buffer.from('PK\x03\x04'), idle: 1000, ...more };
  const { error } = await callScript(script, 'download', [address(), target, options]);
  return { target, error, part: `${target}.part` };
}

const whole: Answer = (_request, response) =>
  response.writeHead(200, { 'content-length': content.length }).end(content);
const ranged: Answer = (request, response) => {
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const body = content.subarray(start);
  response.writeHead(start ? 206 : 200, { 'content-length': body.length }).end(body);
};

/** Calls `then` once the newest download has written something: a delay would be a guess. */
function onceKept(then: () => void): void {
  const part = join(folder, String(count - 1), 'libtorch.zip.part');
  const size = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0) then();
  else setTimeout(() => onceKept(then), 10);
}

test('a good answer gets the final name', async () => {
  answer = whole;
  const { target, error, part } = await download();
  expect(error).toBeUndefined();
  expect(readFileSync(target).equals(content)).toBe(true);
  expect(existsSync(part)).toBe(false);
});

test('tampered: both digests are named, nothing is kept', async () => {
  const tampered = Buffer.from(content);
  tampered[1000] ^= 1;
  answer = (_request, response) =>
    response.writeHead(200, { 'content-length': tampered.length }).end(tampered);
  const { target, error } = await download();
  expect(error).toMatchObject({ code: 'ERR_DATA_DIGEST' });
  expect(error?.message).toContain(sha256);
  expect(error?.message).toContain(createHash('sha256').update(tampered).digest('hex'));
  expect(readdirSync(join(target, '..'))).toEqual([]);
});

test('a web page instead of the file', async () => {
  answer = (_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>log in');
  const { target, error } = await download();
  expect(error).toMatchObject({
    code: 'ERR_NET',
    message: expect.stringContaining('a web page, not the file'),
  });
  expect(error?.message).toContain(address());
  expect(error?.message).toContain('LIBTORCH');
  expect(readdirSync(join(target, '..'))).toEqual([]);
});

test('a file that cannot be written is no matter of the network', async () => {
  answer = whole;
  const target = join(folder, 'taken', 'libtorch.zip');
  mkdirSync(`${target}.part`, { recursive: true });
  const { error } = await callScript(script, 'download', [address(), target, { sha256 }]);
  expect(error).toMatchObject({ code: 'ERR_IO', message: expect.stringContaining('EISDIR') });
});

test('404 is said at once, not tried again', async () => {
  answer = (_request, response) => response.writeHead(404).end('no');
  const { target, error } = await download();
  expect(error).toMatchObject({ code: 'ERR_NET', message: expect.stringContaining('404') });
  expect(requests).toHaveLength(1);
  expect(existsSync(target)).toBe(false);
});

test('truncated every time: an error, no final name; the beginning is kept and continued later', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 100_000), () => onceKept(() => response.destroy()));
  };
  const { target, error, part } = await download({ attempts: 1 });
  expect(error?.code).toBe('ERR_NET');
  expect(existsSync(target)).toBe(false);
  const kept = readFileSync(part);
  expect(kept.equals(content.subarray(0, kept.length))).toBe(true);
  expect(kept.length).toBeGreaterThan(0);

  requests = [];
  answer = ranged;
  const second = await download({ target });
  expect(second.error).toBeUndefined();
  expect(requests[0].headers.range).toBe(`bytes=${kept.length}-`);
  expect(readFileSync(target).equals(content)).toBe(true);
});

test('a connection reset midway is taken up where it broke, in the same call', async () => {
  answer = (request, response) => {
    if (requests.length > 1) return ranged(request, response);
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 100_000), () => onceKept(() => request.socket.resetAndDestroy()));
  };
  const { target, error } = await download();
  expect(error).toBeUndefined();
  expect(requests).toHaveLength(2);
  expect(requests[1].headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  expect(readFileSync(target).equals(content)).toBe(true);
});

test('a beginning of other bytes than the rest is fetched anew, once', async () => {
  answer = ranged;
  const target = join(folder, `${count++}.zip`);
  const beginning = Buffer.concat([content.subarray(0, 4), Buffer.alloc(5000, 'other')]);
  writeFileSync(`${target}.part`, beginning);
  expect((await download({ target })).error).toBeUndefined();
  expect(requests.map(({ headers }) => headers.range)).toEqual([`bytes=${beginning.length}-`, undefined]);
  expect(readFileSync(target).equals(content)).toBe(true);
  requests = [];
  writeFileSync(`${target}.part`, beginning);
  expect((await download({ target, sha256: sha256.replace(/^./, 'x') })).error?.code).toBe('ERR_DATA_DIGEST');
  expect(requests).toHaveLength(2);
});

test('a server that ignores Range sends all of it again', async () => {
  answer = whole;
  const target = join(folder, `${count++}.zip`);
  writeFileSync(`${target}.part`, content.subarray(0, 5000));
  const { error } = await download({ target });
  expect(error).toBeUndefined();
  expect(readFileSync(target).equals(content)).toBe(true);
});

test('leftovers that are no beginning of such a file are dropped before anything is asked for', async () => {
  answer = ranged;
  const target = join(folder, `${count++}.zip`);
  writeFileSync(`${target}.part`, '<html>sign in first');
  expect((await download({ target })).error).toBeUndefined();
  expect(requests.map(({ headers }) => headers.range)).toEqual([undefined]);
  expect(readFileSync(target).equals(content)).toBe(true);
});

test('a server that never ends is left when it has sent too much', async () => {
  answer = (_request, response) => {
    response.writeHead(200);
    response.write(content);
    const more = setInterval(() => response.write(Buffer.alloc(100_000)), 1);
    response.once('close', () => clearInterval(more));
  };
  const { error, part } = await download({ most: 600_000 });
  expect(error).toMatchObject({
    code: 'ERR_NET',
    message: expect.stringContaining('more than 600000 bytes'),
  });
  expect([existsSync(part), requests.length]).toEqual([false, 1]);
});

test('leftovers longer than the file are dropped', async () => {
  answer = (request, response) =>
    request.headers.range ? response.writeHead(416).end() : whole(request, response);
  const target = join(folder, `${count++}.zip`);
  writeFileSync(`${target}.part`, Buffer.concat([content, content]));
  const { error } = await download({ target });
  expect(error).toBeUndefined();
  expect(readFileSync(target).equals(content)).toBe(true);
});

test('a server that stops talking', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 1000));
  };
  const { error } = await download({ attempts: 1, idle: 300 });
  expect(error).toMatchObject({
    code: 'ERR_NET',
    message: expect.stringContaining('nothing came for 0.3 s'),
  });
});
