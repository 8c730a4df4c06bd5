import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { layers, saveModel, sequential } from '../../src/index';
import { browserObstacle, openBrowser, SCREENS, visit } from '../support/browser';
import { documentOf, fusor, startServing, WASM } from '../support/cli';
import { temporaryFolder } from '../support/script';
import { testUnless } from '../support/skip';

/** As much of the browser as is looked at: tests are not compiled with its types. */
interface InPage {
  getComputedStyle(element: unknown): { outline: string };
}
const outline = (element: unknown) => (globalThis as never as InPage).getComputedStyle(element).outline;

const cwd = temporaryFolder();
let server: ChildProcess;
let address = '';

beforeAll(async () => {
  const flags = [
    '--limit',
    '10000',
    '--epochs',
    '4',
    '--seed',
    '7',
    '--run-dir',
    'digits',
    '--json',
    ...WASM,
  ];
  documentOf(await fusor(['train', ...flags], { cwd }));
  ({ server, address } = await startServing('digits', cwd));
}, 180_000);
afterAll(() => void server.kill('SIGKILL'));

const blank = Array.from({ length: 28 }, () => Array.from({ length: 28 }, () => [0]));
const predict = (body: unknown, more: RequestInit = {}) =>
  fetch(`${address}/v1/models/digits:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...more,
  });

test("KServe's v1: the model and its predictions", async () => {
  const told = await (await fetch(`${address}/v1/models/digits`)).json();
  expect(told).toEqual({ name: 'digits', ready: true, inputShape: [28, 28, 1], outputShape: [10] });
  const response = await predict({ instances: [blank, blank] });
  const { predictions } = (await response.json()) as { predictions: number[][] };
  expect(response.status).toBe(200);
  expect(predictions).toHaveLength(2);
  expect(predictions[0].reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
  expect(predictions[1]).toEqual(predictions[0]);
  const flat = await (await predict({ instances: [blank.flat(2)] })).json();
  expect(flat).toEqual({ predictions: [predictions[0]] });
});

/** With headers that fetch does not let one set. */
function status(path: string, method: string, headers: Record<string, string>): Promise<number> {
  return new Promise((done, failed) => {
    request(`${address}${path}`, { method, headers }, (response) => {
      response.resume();
      done(response.statusCode!);
    })
      .on('error', failed)
      .end();
  });
}

test.each([
  ['/', 'GET', { host: 'evil.example' }, 403],
  ['/', 'GET', { origin: 'http://evil.example' }, 403],
  ['/../package.json', 'GET', {}, 404],
  ['/%2e%2e/x', 'GET', {}, 404],
  ['/__proto__', 'GET', {}, 404],
  ['/v1/models/other:predict', 'POST', {}, 404],
  ['/', 'PUT', {}, 405],
  ['/v1/models/digits:predict', 'GET', {}, 405],
  ['/v1/models/digits:predict', 'POST', { 'content-type': 'text/plain' }, 415],
] as const)('%s %s %j: %i', async (path, method, headers, wanted) => {
  expect(await status(path, method, { ...headers })).toBe(wanted);
});

test.each([
  ['no JSON', '{', 400, 'not JSON'],
  ['null', 'null', 400, 'not JSON'],
  ['no instances', '{}', 400, 'at least one row'],
  ['another shape', { instances: [[1, 2]] }, 400, 'give rows of 784 numbers'],
  ['a row that has names', { instances: [{ a: 1 }] }, 400, 'the model knows no columns'],
  ['text', { instances: ['x'] }, 400, 'must be a number'],
  ['too much', ' '.repeat(17 << 20), 413, 'more than'],
])('%s is refused, and the next request answered', async (_, body, wanted, named) => {
  const response = await predict(body).catch(() => undefined);
  // A client that is still sending may see its connection end before the answer.
  if (wanted !== 413) {
    const { error } = (await response!.json()) as { error: string };
    expect([response!.status, error]).toEqual([wanted, expect.stringContaining(named)]);
  }
  expect((await predict({ instances: [blank] })).status).toBe(200);
});

testUnless(browserObstacle)(
  'a drawn 7 is a 7',
  async () => {
    const browser = await openBrowser();
    try {
      for (const screen of [SCREENS[0], SCREENS[SCREENS.length - 1]]) {
        const wrong = await visit(browser, address, screen, async (page) => {
          const box = (await page.locator('#canvas').boundingBox())!;
          const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const;
          await page.mouse.move(...at(0.25, 0.2));
          await page.mouse.down();
          await page.mouse.move(...at(0.72, 0.2), { steps: 8 });
          await page.mouse.move(...at(0.45, 0.85), { steps: 10 });
          await page.mouse.up();
          await page.locator('#answer').filter({ hasText: /\d/ }).waitFor({ timeout: 10_000 });
          expect(await page.locator('#answer').textContent()).toBe('7');
          expect(await page.locator('#bars .row').count()).toBe(10);
          // Black ends somewhere on a dark page, too.
          expect(await page.locator('#canvas').evaluate(outline)).toMatch(/solid 1px$/);
          if (process.env.FUSOR_SCREENSHOTS)
            await page.screenshot({ path: `${process.env.FUSOR_SCREENSHOTS}/serve-${screen.width}.png` });
          await page.locator('#clear').click();
          expect(await page.locator('#answer').textContent()).toBe('');
        });
        // A browser asks for its icon by itself.
        expect(wrong.filter((text) => !/404/.test(text))).toEqual([]);
      }
    } finally {
      await browser.close();
    }
  },
  120_000,
);

describe('a model of a table', () => {
  let tableServer: ChildProcess;
  let at = '';

  beforeAll(async () => {
    const rows = Array.from(
      { length: 200 },
      (_, i) => `${i % 100},${i % 3 ? 'far' : 'near'},${i % 100 > 50 ? 'old' : 'new'}`,
    );
    writeFileSync(join(cwd, 'houses.csv'), ['age,sea,kind', ...rows].join('\n'));
    const flags = [
      '--label',
      'kind',
      '--epochs',
      '20',
      '--layers',
      '8',
      '--learning-rate',
      '0.02',
      '--seed',
      '1',
    ];
    const run = ['--data', 'houses.csv', ...flags, '--run-dir', 'houses', '--json', ...WASM];
    documentOf(await fusor(['train', ...run], { cwd }));
    ({ server: tableServer, address: at } = await startServing('houses', cwd));
  }, 120_000);
  afterAll(() => void tableServer.kill('SIGKILL'));

  test('takes its cells, as they are', async () => {
    const told = await (await fetch(`${at}/v1/models/houses`)).json();
    expect(told).toMatchObject({ columns: ['age', 'sea'], classes: ['new', 'old'] });
    const ask = async (instances: unknown[]) => {
      const body = JSON.stringify({ instances });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${at}/v1/models/houses:predict`, { method: 'POST', headers, body });
      return ((await response.json()) as { predictions: number[][] }).predictions;
    };
    const [young, old] = await ask([
      { age: 3, sea: 'far' },
      { sea: 'near', age: 97 },
    ]);
    // Classes are in the order of their names: new, old.
    expect([young[0] > 0.8, old[1] > 0.8]).toEqual([true, true]);
    expect(
      await ask([
        [3, 'far'],
        [97, 'near'],
      ]),
    ).toEqual([young, old]);
  });

  test.each([
    ['an empty number', { age: null, sea: 'far' }, 'no value in column "age" · instances, row 1 · give one'],
    ['text for a number', { age: 'x', sea: 'far' }, '"x" in column "age" is no number'],
    ['a category that was not there', { age: 1, sea: 'x' }, 'there were near, far'],
    ['no such column', { age: 1 }, 'there is no column "sea"'],
    ['another number of cells', [1], 'a list of 2 cells'],
    ['a nested cell', { age: [1], sea: 'far' }, 'there is no column "age"'],
  ])('%s is refused without the options of a command line', async (_, row, named) => {
    const response = await fetch(`${at}/v1/models/houses:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances: [row] }),
    });
    const { error } = (await response.json()) as { error: string };
    expect([response.status, error]).toEqual([400, expect.stringContaining(named)]);
    expect(error).not.toMatch(/--[a-z]/);
  });

  testUnless(browserObstacle)(
    'its page has a row to change, and the names of the classes',
    async () => {
      const browser = await openBrowser();
      try {
        const wrong = await visit(browser, at, SCREENS[0], async (page) => {
          const row = page.locator('#row');
          expect(JSON.parse(await row.inputValue())).toEqual({ age: expect.any(Number), sea: 'near' });
          await row.fill('{"age": 99, "sea": "far"}');
          await page.locator('#ask').click();
          await page.locator('#answer').filter({ hasText: /./ }).waitFor({ timeout: 10_000 });
          expect(await page.locator('#answer').textContent()).toBe('old');
          expect(await page.locator('#bars .row span:first-child').allTextContents()).toEqual(['new', 'old']);
        });
        expect(wrong.filter((text) => !/404/.test(text))).toEqual([]);
      } finally {
        await browser.close();
      }
    },
    120_000,
  );
});

test('a long answer comes in pieces, and whole; who never reads one does not keep its connection', async () => {
  const model = sequential([layers.dense(200, { inputShape: [1], activation: 'softmax' })]);
  await saveModel(model, join(cwd, 'wide'));
  await model.dispose();
  const { server: child, address: at } = await startServing('wide', cwd);
  try {
    const { host, hostname, port } = new URL(at);
    const asked = await fetch(`${at}/v1/models/wide:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances: Array.from({ length: 1000 }, (_, row) => [row % 2]) }),
    });
    const { predictions } = (await asked.json()) as { predictions: number[][] };
    expect(predictions).toHaveLength(1000);
    expect(predictions[0]).toHaveLength(200);
    for (const [row, prediction] of predictions.entries()) expect(prediction).toEqual(predictions[row % 2]);
    // An answer of some 60 MB: more than finds room on the way.
    const body = JSON.stringify({ instances: new Array(15_000).fill([1]) });
    const head = ['POST /v1/models/wide:predict HTTP/1.1', `host: ${host}`, 'content-type: application/json'];
    const socket = connect(Number(port), hostname).pause();
    socket.write([...head, `content-length: ${body.length}`, '', body].join('\r\n'));
    await new Promise((done) => setTimeout(done, 15_000));
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part));
    socket.on('error', () => {}).resume();
    await once(socket, 'close');
    const read = Buffer.concat(parts).toString('latin1');
    expect(read.slice(0, 15)).toBe('HTTP/1.1 200 OK');
    expect(read.endsWith('\r\n0\r\n\r\n')).toBe(false);
  } finally {
    child.kill('SIGKILL');
  }
}, 60_000);

test('an address that is none of this computer', async () => {
  const ran = await fusor(['serve', 'digits', '--host', '192.0.2.1', ...WASM], { cwd });
  expect([ran.status, ran.stderr]).toEqual([6, expect.stringMatching(/the address cannot be had .* --host/)]);
});

test('it ends when it is told to, and answers first what was asked; its one JSON document it has written', async () => {
  let more = '';
  server.stdout!.on('data', (part) => {
    more += part;
  });
  const body = JSON.stringify({ instances: [blank] });
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const asked = request(`${address}/v1/models/digits:predict`, { method: 'POST', headers });
  const answered = once(asked, 'response');
  asked.write(body.slice(0, 100));
  // It has come when another one is answered.
  await predict({ instances: [blank] });
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  setTimeout(() => asked.end(body.slice(100)), 100);
  const [{ statusCode }] = (await answered) as [{ statusCode: number }];
  const [code] = (await ended) as [number];
  expect({ code, more, statusCode }).toEqual({ code: 143, more: '', statusCode: 200 });
});
