/** The report of a profile, and the dashboard of a training: in a real browser, and against those who must not see it. */
import type { ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { Dashboard } from '../../src/cli/dashboard/dashboard';
import type { TrainingContext } from '../../src/index';
import { short } from '../../src/report/curves';
import { browserObstacle, openBrowser, readability, SCREENS, visit } from '../support/browser';
import { finished, fusor, startCli, WASM } from '../support/cli';
import { temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

/** As much of a page with charts as is looked at: tests are not compiled with the browser's types. */
interface InPage {
  document: { getElementById(id: string): unknown };
  echarts: {
    getInstanceByDom(element: unknown): {
      getOption(): {
        series: { data: [number, number | null][] }[];
        yAxis: { axisLabel: { formatter(value: number): string } }[];
      };
    };
  };
}

interface Label {
  textContent: string;
  ownerSVGElement: Label;
  getBoundingClientRect(): { left: number };
}

const cwd = temporaryFolder();
// Each command starts several processes; on a busy machine that takes a while.
jest.setTimeout(300_000);

const started: ChildProcess[] = [];
afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
});

/** A training with a dashboard, and its address. */
async function trainLive(...more: string[]) {
  const flags = [...WASM, '--seed', '7', '--layers', '8', '--checkpoint', 'none', '--no-progress', ...more];
  const child = startCli(['train', ...flags, '--dashboard'], { cwd });
  started.push(child);
  const ran = finished(child);
  const url = await new Promise<string>((found, failed) => {
    let said = '';
    child.stderr!.on('data', (text) => {
      said += text;
      const [address] = /http:\/\/\S+/.exec(said) ?? [];
      if (address) found(address);
    });
    child.once('close', () => failed(new Error(`no address in: ${said}`)));
  });
  return { url: new URL(url), ran, child };
}

function get(
  url: URL,
  { method = 'GET', host = url.host, path = url.pathname + url.search, origin = url.origin } = {},
) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((done, failed) => {
    const { hostname, port } = url;
    const sent = request({ hostname, port, method, path, headers: { host, origin } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
        // Events go on; what comes first is enough.
        if (response.headers['content-type'] === 'text/event-stream' && body.includes('\n\n')) {
          response.destroy();
          done({ status: response.statusCode!, headers: response.headers, body });
        }
      });
      response.on('end', () => done({ status: response.statusCode!, headers: response.headers, body }));
    });
    sent.once('error', failed).end();
  });
}

test('a dashboard is for this computer and for who has the token; whoever watches, training goes on', async () => {
  const { url, ran } = await trainLive('--epochs', '2', '--limit', '30000');
  expect(url.hostname).toBe('127.0.0.1');
  expect(url.searchParams.get('token')).toMatch(/^[0-9a-f]{32}$/);
  const { search } = url;
  const asked = await Promise.all([
    get(url),
    get(url, { path: '/' }),
    get(url, { path: `/?token=${'0'.repeat(32)}` }),
    get(url, { path: '/events' }),
    get(url, { path: '/echarts.js' }),
    get(url, { host: 'evil.example' }),
    get(url, { host: `evil.example:${url.port}` }),
    get(url, { origin: 'http://evil.example' }),
    get(url, { host: `LOCALHOST:${url.port}`, origin: `http://LOCALHOST:${url.port}` }),
    get(url, { method: 'POST' }),
    get(url, { path: `/../package.json${search}` }),
    get(url, { path: `/constructor${search}` }),
    get(url, { path: `/events${search}` }),
  ]);
  expect(asked.map(({ status }) => status)).toEqual([
    200, 403, 403, 403, 403, 403, 403, 403, 200, 405, 404, 404, 200,
  ]);
  const [page, ...others] = asked;
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.headers['referrer-policy']).toBe('no-referrer');
  expect(page.headers['x-frame-options']).toBe('DENY');
  expect(page.body).toContain('default-src &#39;none&#39;');
  expect(others.at(-1)!.body).toMatch(
    /^event: all\ndata: \{"facts":\{"title":"Training sequential on mnist"/,
  );
  // A page that never reads, and one that goes away.
  const deaf = request({
    hostname: url.hostname,
    port: url.port,
    path: `/events${search}`,
    headers: { host: url.host },
  });
  deaf.once('response', (response) => response.pause()).once('error', () => {});
  deaf.end();
  expect((await ran).status).toBe(0);
  deaf.destroy();
});

describeUnless(browserObstacle)('in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  test('a profile: plots are there, nothing is wrong, readable everywhere', async () => {
    const flags = ['--variants', 'tfjs:wasm,tfjs:cpu', '--limit', '320', '--layers', '16', '--steps', '3'];
    const where = ['--rounds', '2', '--epochs', '1', '--html', 'profile.html', '--quiet'];
    expect(await fusor(['profile', ...flags, ...where], { cwd })).toMatchObject({ status: 0, stderr: '' });
    const url = pathToFileURL(join(cwd, 'profile.html')).href;
    for (const screen of SCREENS) {
      const wrong = await visit(browser, url, screen, async (page) => {
        const found = await readability(page);
        expect(found).toMatchObject({ overflow: 0, drawn: 2 });
        for (const count of found.paths) expect(count).toBeGreaterThan(3);
        expect(found.smallest).toBeGreaterThan(9);
        expect(found.contrast).toBeGreaterThan(0.6);
        expect(found.background > 0.5).toBe(screen.colorScheme === 'light');
        // Boxes of the bars and of the step have a width, and stay within their page.
        const boxes = await page.$$eval('.stacked > i, .lane > i', (all) =>
          all.map((box) => box.clientWidth),
        );
        expect(boxes.length).toBeGreaterThan(20);
        expect(Math.max(...boxes)).toBeGreaterThan(screen.width / 10);
        await page.getByText('backward and update, all layers').isHidden();
        expect(await page.getByText('forward dense').count()).toBeGreaterThan(3);
      });
      expect(wrong).toEqual([]);
    }
  });

  test('a dashboard follows the training to its end', async () => {
    const { url, ran, child } = await trainLive('--epochs', '5000', '--limit', '10000');
    for (const screen of SCREENS) {
      const wrong = await visit(browser, url.href, screen, async (page) => {
        // Playwright's waitForFunction evaluates strings in the page, which the page's policy forbids.
        const paths = page.locator('.live svg path');
        while ((await paths.count()) <= 20) await page.waitForTimeout(50);
        const found = await readability(page);
        expect(found).toMatchObject({ overflow: 0, drawn: 4 });
        expect(found.smallest).toBeGreaterThan(9);
        expect(found.contrast).toBeGreaterThan(0.6);
        expect(await page.locator('#state').textContent()).toMatch(/^epoch \d+ of 5000$/);
        if (screen !== SCREENS.at(-1)) return;
        const facts = () => page.locator('.facts').textContent();
        for (const before = await facts(); (await facts()) === before; ) await page.waitForTimeout(50);
        child.kill('SIGTERM');
        await page.getByText(/^interrupted by SIGTERM, after \d+ of 5000 epochs$/).waitFor();
        expect(await page.locator('#state').getAttribute('class')).toBe('lead');
        expect(await page.title()).toMatch(/^interrupted · Training/);
      });
      expect(wrong).toEqual([]);
    }
    expect((await ran).status).toBe(143);
  });

  test('a dashboard whose training was killed says so, in its title too', async () => {
    const { url, ran, child } = await trainLive('--epochs', '5000', '--limit', '10000');
    await visit(browser, url.href, SCREENS[0], async (page) => {
      await page.getByText(/^epoch \d+ of 5000$/).waitFor();
      expect(await page.title()).toMatch(/^\d+ \/ 5000 · /);
      child.kill('SIGKILL');
      await page.getByText(/^The training cannot be reached/).waitFor();
      expect(await page.title()).toMatch(/^connection lost · Training/);
    });
    await ran;
  });

  /** The page of a training in this process that has come as far as `history`. */
  async function shown(
    { logNames, history = {} }: { logNames: string[]; history?: Record<string, number[]> },
    work: (page: Page, dashboard: Dashboard, context: TrainingContext) => Promise<void>,
  ) {
    const long = 'a'.repeat(300);
    const facts = { title: long, ranOn: 'here', seed: 7, batchSize: 32, folder: long };
    let address = '';
    const dashboard = new Dashboard(
      () => facts,
      (text) => {
        address += text;
      },
    );
    const epoch = Object.values(history)[0]?.map((_, i) => i) ?? [];
    const before = { epoch, history, timing: { steps: 1, stepMicroseconds: 1, fitSeconds: 1 } };
    const context = { epochs: 9, stepMicroseconds: 80, logNames, accuracyNames: [], history: before };
    await dashboard.onTrainBegin(context as never);
    const url = /http:\S+/.exec(address)![0];
    try {
      await visit(browser, url, SCREENS.at(-1)!, async (page) => {
        await page.getByText(/^epoch \d of 9$/).waitFor();
        expect(await readability(page)).toMatchObject({ overflow: 0 });
        await work(page, dashboard, context as never);
      });
    } finally {
      dashboard.onTrainEnd({}, context as never);
    }
  }

  /** Of each curve its points. */
  const curves = (page: Page, id: string) =>
    page.evaluate((name) => {
      const { echarts, document } = globalThis as never as InPage;
      const { series } = echarts.getInstanceByDom(document.getElementById(name)).getOption();
      return series.map(({ data }) => data);
    }, id);

  test('a resumed training shows what was before', async () => {
    const logNames = ['loss', 'mae', 'valLoss', 'valMae'];
    const history = { loss: [4, 3, 2], mae: [8, 7, 6], valLoss: [5, 4, 3], valMae: [9, 8, 7] };
    await shown({ logNames, history }, async (page, dashboard, context) => {
      const trained = [
        [1, 4],
        [2, 3],
        [3, 2],
      ];
      expect((await curves(page, 'loss'))[0].slice(0, 3)).toEqual(trained);
      dashboard.onEpochEnd(3, { loss: 1, mae: 5, valLoss: 2, valMae: 6 }, context);
      await page.getByText('epoch 5 of 9').waitFor();
      expect((await curves(page, 'loss'))[0].slice(0, 4)).toEqual([...trained, [4, 1]]);
      expect((await curves(page, 'measure'))[0][0]).toEqual([1, 8]);
      expect(await page.locator('#loss-note').textContent()).toMatch(/dashed: validation$/);
      expect(await page.locator('#measure-name').textContent()).toBe('mae');
    });
  });

  test('values of all sizes are on the axes as they are in a report, and whole', async () => {
    const sizes = [0, 5e-7, 0.25, 1500, 14_000, 140_000, 1.4e8, 2.5e11, 1e15, -1.4e8];
    const history = { loss: [1.4e8, 3e7, 120, 3] };
    await shown({ logNames: ['loss'], history }, async (page) => {
      const told = await page.evaluate((values) => {
        const { echarts, document } = globalThis as never as InPage;
        const [axis] = echarts.getInstanceByDom(document.getElementById('loss')).getOption().yAxis;
        return values.map((value) => axis.axisLabel.formatter(value));
      }, sizes);
      expect(told).toEqual(sizes.map(short));
      const labels = await page.$$eval('#loss svg text', (all) =>
        (all as never as Label[]).map((label) => ({
          text: label.textContent,
          cut: label.ownerSVGElement.getBoundingClientRect().left - label.getBoundingClientRect().left,
        })),
      );
      expect(labels.map(({ text }) => text)).toContain('150M');
      for (const { cut } of labels) expect(cut).toBeLessThanOrEqual(0);
      expect(await page.locator('#loss-note').textContent()).toBe('by epoch');
    });
  });
});
