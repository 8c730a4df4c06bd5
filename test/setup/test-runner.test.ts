import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { callScript, repository, smallCheckout, temporaryFolder, writeTree } from '../support/script';

const root = smallCheckout(temporaryFolder());
const files = [
  'jest.config.cjs',
  'jest.resolver.cjs',
  'jest.sequencer.cjs',
  'support/skip.ts',
  'support/figures.ts',
];
for (const name of files) {
  cpSync(join(repository, 'test', name), join(root, 'test', name));
}

/** What `npm test` would count for one test file. */
async function countOf(text: string) {
  writeTree(root, { 'test/unit/one.test.ts': text });
  const file = join(root, 'test/unit/one.test.ts');
  const { value } = await callScript(join(root, 'scripts/lib/test-jest.mjs'), 'runJest', [
    'unit',
    [file],
    { inBand: true },
  ]);
  return value as { passed: number; failed: number; skipped: number; reasons: string[]; figures: unknown[] };
}

const skip = "import { testUnless } from '../support/skip';\n";

test.each([
  ['a test that passes', "test('a', () => expect(1).toBe(1));", 1, 0, 0],
  ['a test that fails', "test('a', () => expect(1).toBe(2));", 0, 1, 0],
  ['a file that cannot be loaded', "import './absent';\ntest('a', () => {});", 0, 1, 0],
  ['a process that dies', "test('a', () => process.abort());", 0, 1, 0],
  ['a skip with a reason', `${skip}testUnless('no GPU')('a', () => {});\ntest('b', () => {});`, 1, 0, 1],
  [
    'a test that finds out that it cannot run',
    "import { noteSkip } from '../support/skip';\ntest('a', () => { noteSkip('no GPU'); noteSkip('no GPU'); });\ntest('b', () => {});",
    1,
    0,
    1,
  ],
  ['a skip without a reason', "test.skip('a', () => {});\ntest('b', () => {});", 1, 1, 1],
])('%s', async (_name, text, passed, failed, skipped) => {
  const count = await countOf(text);
  expect(count).toMatchObject({ passed, failed, skipped });
  if (text.includes('no GPU')) expect(count.reasons).toEqual(['unit: no GPU (one.test.ts)']);
});

test('what a test notes as a figure is counted', async () => {
  const noting =
    "import { figure } from '../support/figures';\ntest('a', () => figure('kills survived', 300));";
  expect((await countOf(noting)).figures).toEqual([{ name: 'kills survived', count: 300 }]);
});
