import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { browserObstacle, openBrowser, readability, SCREENS, visit } from '../support/browser';
import { documentOf, fusor, WASM } from '../support/cli';
import { temporaryFolder } from '../support/script';
import { testUnless } from '../support/skip';

const cwd = temporaryFolder();
const small = ['train', '--limit', '300', '--epochs', '2', '--batch-size', '50', '--json', ...WASM];
const read = (...path: string[]) => readFileSync(join(cwd, ...path));

beforeAll(async () => {
  for (const seed of ['1', '2'])
    documentOf(await fusor([...small, '--seed', seed, '--run-dir', `r${seed}`], { cwd }));
}, 120_000);

test('a run leaves a report and pictures', () => {
  const names = ['accuracy', 'confusion', 'loss', 'missed', 'steps', 'time', 'weights'];
  expect(readdirSync(join(cwd, 'r1', 'pictures')).sort()).toEqual(names.map((name) => `${name}.svg`));
  for (const name of names) {
    const svg = read('r1', 'pictures', `${name}.svg`).toString();
    expect([name, svg.slice(0, 5), /var\(/.test(svg)]).toEqual([name, '<svg ', false]);
  }
  const page = read('r1', 'report.html').toString();
  for (const title of ['Loss', 'Accuracy', 'Confusion matrix', 'By class', 'Worst misses', 'First layer'])
    expect(page).toContain(title);
  // Nothing is fetched, nothing runs.
  expect(page).not.toMatch(/<script|src="http|href="http/);
  // Every test row is in the matrix once.
  const { test } = JSON.parse(read('r1', 'run.json').toString());
  const cells = [...page.matchAll(/<th scope="row">(\d)<\/th><td>(\d+)<\/td>/g)];
  expect(cells.map(([, , rows]) => Number(rows)).reduce((sum, rows) => sum + rows, 0)).toBe(300);
  expect(test.accuracy).toBeGreaterThan(0);
});

testUnless(browserObstacle)(
  'a report is readable on every screen',
  async () => {
    const browser = await openBrowser();
    const url = pathToFileURL(join(cwd, 'r1', 'report.html')).href;
    try {
      for (const screen of [...SCREENS, { width: 700, colorScheme: 'light' as const }]) {
        const wrong = await visit(browser, url, screen, async (page) => {
          const found = await readability(page);
          expect(found.overflow).toBe(0);
          expect(found.smallest).toBeGreaterThan(9);
          // None is blown up.
          const scales = await page.$$eval('svg', (all) =>
            all.map((svg) => svg.getBoundingClientRect().width / Number(svg.getAttribute('width'))),
          );
          expect(Math.max(...scales)).toBeLessThan(1.3);
        });
        expect(wrong).toEqual([]);
      }
    } finally {
      await browser.close();
    }
  },
  60_000,
);

test('fusor plot: SVG, PNG and terminal', async () => {
  const svg = await fusor(['plot', 'r1', 'r2', '-o', 'x.svg'], { cwd });
  expect([svg.status, svg.stdout]).toEqual([0, 'x.svg\n']);
  expect(read('x.svg').toString()).toMatch(/^<svg .*>r1<.*>r2</s);
  const flags = ['--what', 'loss,steps', '-o', 'x.png', '--json'];
  expect(documentOf(await fusor(['plot', 'r1', ...flags], { cwd }))).toEqual({
    schema: 'fusor.plot',
    version: 1,
    runs: ['r1'],
    output: 'x.png',
  });
  const bytes = read('x.png');
  expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  expect(bytes.readUInt32BE(16)).toBe(2 * 760);
  const terminal = await fusor(['plot', 'r1'], { cwd });
  expect(terminal.stdout).toMatch(/^r1\n\nloss: training, validation\n/);
  const asked = await fusor(['plot', 'r1', '--what', 'steps,time', '-o', 'y.svg', '--terminal'], { cwd });
  expect(asked.stdout.match(/^\S.*$/gm)).toEqual(['r1', 'loss by step', 'seconds an epoch', 'y.svg']);
});

test('what cannot be drawn is said: a metric that no run has, a curve of one epoch', async () => {
  const none = await fusor(['plot', 'r1', '--what', 'metrics'], { cwd });
  expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('nothing to plot of metrics')]);
  documentOf(await fusor([...small, '--epochs', '1', '--run-dir', 'short'], { cwd }));
  const short = await fusor(['plot', 'short', '--what', 'loss'], { cwd });
  expect([short.status, short.stdout]).toEqual([0, expect.stringMatching(/^short\n\nno curve of loss: /)]);
});

test('a run that was interrupted is drawn as far as it came', async () => {
  mkdirSync(join(cwd, 'broken'));
  for (const name of ['config.json', 'metrics.jsonl'])
    copyFileSync(join(cwd, 'r1', name), join(cwd, 'broken', name));
  const ran = await fusor(['plot', 'broken', '--what', 'loss'], { cwd });
  expect([ran.status, ran.stdout]).toEqual([
    0,
    expect.stringMatching(/^broken\n\nloss: training, validation\n/),
  ]);
  expect(ran.stderr).toBe('broken has not ended: 2 epochs of it drawn\n');
  const compared = await fusor(['compare', 'r1', 'broken'], { cwd });
  // One that has done no epoch.
  mkdirSync(join(cwd, 'begun'));
  copyFileSync(join(cwd, 'r1', 'config.json'), join(cwd, 'begun', 'config.json'));
  expect([compared.status, compared.stderr]).toEqual([
    4,
    expect.stringContaining('--resume goes on with it, plot draws the epochs that it has done'),
  ]);
});

test.each([
  [['plot'], 2, 'at least one run'],
  [['plot', 'r1', '-o', 'x.jpg'], 2, 'NAME.svg or NAME.png'],
  [['plot', 'begun'], 4, '--resume goes on with it'],
  [['plot', 'absent'], 4, 'no such run folder'],
  [['plot', '.'], 4, 'no finished run'],
])('%j is refused', async (args, status, named) => {
  const ran = await fusor(args, { cwd });
  expect([ran.status, ran.stderr]).toEqual([status, expect.stringContaining(named)]);
});

test('train --find-lr: a plot and a rate, no run', async () => {
  const flags = ['--limit', '2000', '--find-lr', '--run-dir', 'found', '--seed', '1', '--json', ...WASM];
  const found = documentOf(await fusor(['train', ...flags], { cwd }));
  expect(found.schema).toBe('fusor.learningRates');
  expect(found.rates.length).toBe(found.losses.length);
  // Adam learns MNIST from about 1e-4 to 1e-2.
  expect(found.suggestion).toBeGreaterThan(1e-5);
  expect(found.suggestion).toBeLessThan(0.1);
  expect(read('found/learning-rate.svg').toString()).toContain('Loss against the learning rate');
  expect(readdirSync(cwd)).not.toContain('runs');
  // Nothing of the user's is replaced.
  const { plot } = documentOf(
    await fusor(['train', '--limit', '500', '--find-lr', '--json', ...WASM], { cwd }),
  );
  expect(plot).toMatch(/runs\/find-lr-[\d-]+\/learning-rate\.svg$/);
  rmSync(join(cwd, 'runs'), { recursive: true });
});
