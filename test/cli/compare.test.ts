import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { documentOf, fusor, WASM } from '../support/cli';
import { temporaryFolder } from '../support/script';

const cwd = temporaryFolder();
// Each command starts several processes; on a busy machine that takes a while.
jest.setTimeout(300_000);
const small = ['--limit', '320', '--epochs', '2', '--layers', '16'];
const train = (name: string, ...more: string[]) =>
  fusor(['train', ...small, ...WASM, '--quiet', '--run-dir', name, '--seed', '7', ...more], { cwd });
const page = (folder: string) => readFileSync(join(cwd, folder, 'compare.html'), 'utf8');

beforeAll(async () => {
  const all = [train('one'), train('two', '--learning-rate', '0.0011'), train('three', '--seed', '8')];
  for (const { status } of await Promise.all(all)) expect(status).toBe(0);
  mkdirSync(join(cwd, 'odd'));
  renameSync(join(cwd, 'three'), join(cwd, 'odd', '<script>alert(1)<'));
});

test('runs: a table, where losses part, and a page that asks for nothing', async () => {
  const runs = ['one', 'two', join('odd', '<script>alert(1)<')];
  const { status, stdout } = await fusor(['compare', ...runs, '--run-dir', 'out'], { cwd });
  expect(status).toBe(0);
  expect(stdout).toMatch(/test accuracy +epoch +step +peak memory +start-up/);
  expect(stdout).toMatch(/\none +\d\.\d{4} .* %.* MiB +\d/);
  expect(stdout).toContain('The losses of two and one part at step 2,');
  expect(stdout).toContain('are not compared step by step: another seed');
  const html = page('out');
  // No whole page in a failure's message.
  const has = (text: string) => html.includes(text);
  expect(/<script|src=|url\((?!#)|@import|<link/.exec(html)).toBeNull();
  expect(html.replace(/xmlns(:\w+)?="[^"]*"/g, '').includes('://')).toBe(false);
  expect(has('&lt;script&gt;alert(1)&lt;')).toBe(true);
  expect(has('content="default-src &#39;none&#39;;')).toBe(true);
  expect(has('prefers-color-scheme: dark')).toBe(true);
  // Each chart twice: for wide screens and for narrow ones; the wide one for those between, too.
  expect(html.match(/<svg /g)).toHaveLength(html.match(/class="(broad|middle|narrow)"/g)!.length);
  expect(html.match(/class="broad"/g)).toHaveLength(4);
});

test('a second page takes the place of none', async () => {
  const [first, second] = await Promise.all(
    [1, 2].map(async () => documentOf(await fusor(['compare', 'one', 'two', '--json'], { cwd })).page),
  );
  expect([existsSync(first), existsSync(second)]).toEqual([true, true]);
});

test('a run keeps its step losses, peak memory and start-up', () => {
  const { memory, timing } = JSON.parse(readFileSync(join(cwd, 'one', 'run.json'), 'utf8'));
  expect(readFileSync(join(cwd, 'one', 'losses.f32'))).toHaveLength(4 * timing.steps);
  expect(memory.peakBytes).toBeGreaterThan(2 ** 25);
  expect(timing.startupSeconds).toBeGreaterThanOrEqual(timing.setupSeconds);
});

test('losses that are not those of all steps are refused', async () => {
  cpSync(join(cwd, 'one'), join(cwd, 'cut'), { recursive: true });
  truncateSync(join(cwd, 'cut', 'losses.f32'), 10);
  const { status, stderr } = await fusor(['compare', 'one', 'cut'], { cwd });
  expect([status, stderr]).toEqual([
    4,
    expect.stringMatching(/has 10 bytes, the losses of \d+ steps are \d+ · .*cut.losses\.f32 · /),
  ]);
});

test('--backends trains on each, as JSON', async () => {
  const flags = ['--backends', 'tfjs:wasm,tfjs:cpu', '--seed', '7', '--run-dir', 'both', '--json'];
  const ran = await fusor(['compare', ...small, ...flags], { cwd });
  const { runs, partings, page: file } = documentOf(ran);
  expect(runs.map(({ name }: { name: string }) => name)).toEqual(['tfjs:wasm', 'tfjs:cpu']);
  expect(runs[1].backend.engine).toBe('cpu');
  expect(runs[0].seed).toBe(7);
  expect(runs[0].peakBytes).toBeGreaterThan(2 ** 25);
  expect(partings).toEqual([{ run: 'tfjs:cpu', from: 'tfjs:wasm', step: null, incomparable: null }]);
  expect(readFileSync(file, 'utf8').includes('stays within it')).toBe(true);
});

test.each([
  [[], 2, 'give either runs or --backends'],
  [['one'], 2, 'name two or more'],
  [['one', 'two', '--epochs', '3'], 2, '--epochs is for training'],
  [['one', 'two', '--backends', 'native,tfjs'], 2, 'give either runs or --backends'],
  [['--backends', 'tfjs'], 2, 'two or more different backends'],
  [['one', 'nothing'], 4, 'no such run folder'],
  [['one', 'damaged'], 4, 'not JSON'],
])('compare %j is exit %i', async (flags, status, message) => {
  mkdirSync(join(cwd, 'damaged'), { recursive: true });
  writeFileSync(join(cwd, 'damaged', 'run.json'), '{');
  const ran = await fusor(['compare', ...flags], { cwd });
  expect(ran.stderr).toContain(message);
  expect(ran.status).toBe(status);
});
