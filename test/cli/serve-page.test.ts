import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
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
import { browserObstacle, openBrowser, readability, visit } from '../support/browser';
import { startServing } from '../support/cli';
import { temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

interface ServedModel {
  inputShape?: number[];
  activation?: 'linear' | 'sigmoid';
  loss?: LossName | LossConfig;
  /** For zeros; of logits, these. */
  outputs: number[];
  kept?: object;
}

/** As much of the browser as is looked at: tests are not compiled with its types. */
interface Row {
  children: ArrayLike<{ textContent: string }>;
}
interface InPage {
  getComputedStyle(element: unknown): { fontSize: string };
}
const fontSize = (element: unknown) => (globalThis as never as InPage).getComputedStyle(element).fontSize;

const cwd = temporaryFolder();

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
    const { server, address } = await startServing(name, cwd);
    started.push(server);
    return { at: address, server };
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
    const { at, server } = await served('large', { inputShape: [16, 16, 3], outputs: [2] });
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
        if (text === zeros) await ended(server);
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
