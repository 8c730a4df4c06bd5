import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import {
  type LossConfig,
  type LossName,
  layers,
  losses,
  ndarray,
  saveModel,
  sequential,
} from '../../src/index';
import { browserObstacle, openBrowser, readability, SCREENS, visit } from '../support/browser';
import { documentOf, fusor, startCli, WASM } from '../support/cli';
import { temporaryFolder } from '../support/script';
import { describeUnless, testUnless } from '../support/skip';

interface ServedModel {
  inputShape?: number[];
  activation?: 'linear' | 'sigmoid';
  loss?: LossName | LossConfig;
  /** For zeros; of logits, these. */
  outputs: number[];
  kept?: object;
}

/** As much of an element in the page as is looked at: tests are not compiled with the browser's types. */
interface Row {
  children: ArrayLike<{ textContent: string }>;
}
interface InPage {
  getComputedStyle(element: unknown): { fontSize: string; outline: string };
}
const fontSize = (element: unknown) => (globalThis as never as InPage).getComputedStyle(element).fontSize;
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
  server = startCli(['serve', 'digits', '--port', '0', '--json', ...WASM], { cwd });
  const [line] = (await once(server.stdout!, 'data')) as [Buffer];
  ({ address } = JSON.parse(line.toString()));
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
    tableServer = startCli(['serve', 'houses', '--port', '0', '--json', ...WASM], { cwd });
    const [line] = (await once(tableServer.stdout!, 'data')) as [Buffer];
    at = JSON.parse(line.toString()).address;
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

describeUnless(browserObstacle)('the page of a model', () => {
  const started: ChildProcess[] = [];
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    for (const child of started) child.kill('SIGKILL');
    await browser.close();
  });

  /** What gives these outputs for zeros, served. @param kept of the data that it might have been trained on */
  async function served(
    name: string,
    { inputShape = [4], activation = 'linear', loss = 'mse', outputs, kept }: ServedModel,
  ) {
    const flat = inputShape.length > 1 ? [layers.flatten({ inputShape })] : [];
    const last = layers.dense(outputs.length, { activation, ...(flat.length === 0 && { inputShape }) });
    const model = sequential([...flat, last]);
    model.compile({ optimizer: 'sgd', loss });
    const [kernel] = await model.getWeights();
    const zeros = { ...kernel, data: kernel.data.map(() => 0) };
    await model.setWeights([zeros, ndarray(Float32Array.from(outputs), [outputs.length])]);
    await saveModel(model, join(cwd, name));
    await model.dispose();
    if (kept) writeFileSync(join(cwd, name, 'data.json'), JSON.stringify(kept));
    const child = startCli(['serve', name, '--port', '0', '--json', ...WASM], { cwd });
    started.push(child);
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    return { at: JSON.parse(line.toString()).address as string, child };
  }

  const ended = async (child: ChildProcess) => {
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  };
  const narrow = { width: 400, colorScheme: 'dark' } as const;
  const ask = async (page: Page) => {
    await page.locator('#ask').click();
    await page.locator('#answer').filter({ hasText: /./ }).waitFor({ timeout: 10_000 });
  };
  const said = (page: Page) => page.locator('#answer').textContent();
  const cells = (page: Page, where: string) =>
    page
      .locator(`${where} .row`)
      .evaluateAll((rows) =>
        (rows as never as Row[]).map(({ children }) =>
          Array.from(children, ({ textContent }) => textContent),
        ),
      );
  const overflow = async (page: Page) => (await readability(page)).overflow;

  test.each([
    ['one sigmoid', { activation: 'sigmoid', loss: 'binaryCrossentropy', outputs: [-0.06] }],
    ['one logit', { loss: losses.binaryCrossentropy({ fromLogits: true }), outputs: [-0.06] }],
    ['two logits', { loss: losses.categoricalCrossentropy({ fromLogits: true }), outputs: [0.06, 0] }],
  ] as const)('both classes of %s, and which is likelier', async (name, made) => {
    const long = `benign${'n'.repeat(200)}`;
    const kept = { classes: [long, 'malignant'] };
    const { at } = await served(name.replace(' ', '-'), { ...made, outputs: [...made.outputs], kept });
    await visit(browser, at, narrow, async (page) => {
      expect(await page.locator('#row').inputValue()).toBe('[0,0,0,0]');
      await ask(page);
      expect(await said(page)).toBe(long);
      expect(await cells(page, '#bars')).toEqual([
        [long, '', '0.515'],
        ['malignant', '', '0.485'],
      ]);
      const tracks = await Promise.all(
        [0, 1].map((i) => page.locator('#bars .row > div').nth(i).boundingBox()),
      );
      expect(tracks[0]!.width).toBeGreaterThan(100);
      expect([tracks[1]!.x, tracks[1]!.width]).toEqual([tracks[0]!.x, tracks[0]!.width]);
      expect(await overflow(page)).toBe(0);
    });
  });

  test('values are no classes', async () => {
    const { at } = await served('values', { outputs: [-1234567.5, 3e-9, 7] });
    await visit(browser, at, narrow, async (page) => {
      await ask(page);
      const values = [
        ['0', '-1.23457e+6'],
        ['1', '3.00000e-9'],
        ['2', '7.00000'],
      ];
      expect(await cells(page, '#answer')).toEqual(values);
      expect(await page.locator('#bars').textContent()).toBe('');
      expect(await overflow(page)).toBe(0);
    });
  });

  test('a value has the name of its column', async () => {
    const column = (name: string) => ({ name, kind: 'number', mean: 1, deviation: 1 });
    const kept = { columns: ['a', 'b', 'c', 'd'].map(column), label: { name: 'price' }, scale: 'none' };
    const { at } = await served('price', { outputs: [0.1], kept });
    await visit(browser, at, narrow, async (page) => {
      await ask(page);
      expect(await cells(page, '#answer')).toEqual([['price', '0.100000']]);
    });
  });

  test('what is wrong is said as such, and no earlier answer stays; the server may be gone', async () => {
    const { at, child } = await served('large', { inputShape: [16, 16, 3], outputs: [2] });
    const wrong = await visit(browser, at, narrow, async (page) => {
      expect(await page.getByText(/One row of/).textContent()).toMatch(
        /\[16, 16, 3\] as JSON: its 768 numbers/,
      );
      const row = page.locator('#row');
      expect([await row.inputValue(), await row.getAttribute('placeholder')]).toEqual(['', '[…]']);
      const zeros = JSON.stringify(Array(768).fill(0));
      const refused = async (text: string) => {
        await row.fill(zeros);
        await ask(page);
        await page.locator('#answer.values').waitFor();
        await row.fill(text);
        if (text === zeros) await ended(child);
        await page.locator('#ask').click();
        await page.locator('#answer.failed').waitFor();
        const size = await page.locator('#answer').evaluate(fontSize);
        expect(Number.parseFloat(size)).toBeLessThan(20);
        expect(await page.locator('#bars').textContent()).toBe('');
        return said(page);
      };
      expect(await page.locator('#answer').getAttribute('aria-live')).toBe('polite');
      expect(await refused('[1, 2')).toMatch(/^This is no JSON: /);
      expect(await refused('[1, 2]')).toMatch(/give rows of 768 numbers/);
      expect(await refused(zeros)).toMatch(/^The model cannot be reached /);
    });
    // The browser's own words for what was refused, and nothing that nobody caught.
    expect(wrong.filter((text) => !/404|400|ERR_CONNECTION/.test(text))).toEqual([]);
  });
});

test('who never reads an answer does not keep its connection', async () => {
  const model = sequential([layers.dense(200, { inputShape: [1], activation: 'softmax' })]);
  await saveModel(model, join(cwd, 'wide'));
  await model.dispose();
  const child = startCli(['serve', 'wide', '--port', '0', '--json', ...WASM], { cwd });
  try {
    const [line] = (await once(child.stdout!, 'data')) as [Buffer];
    const { host, hostname, port } = new URL(JSON.parse(line.toString()).address);
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
