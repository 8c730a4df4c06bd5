/** The README's table for those who come from Keras or TensorFlow.js: what its right column says runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fusor from '../../src/index';
import { uniform } from '../../src/random';
import { repository, temporaryFolder } from '../support/script';

const text = readFileSync(join(repository, 'README.md'), 'utf8');
const [, section] = text.split('\n## Coming from Keras, from TensorFlow.js\n');
const snippets = section
  .split('\n## ')[0]
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| Keras'))
  .map((line) => /`([^`]+)` \|$/.exec(line)?.[1] ?? line);

const cwd = process.cwd();
const folder = temporaryFolder();
beforeAll(() => process.chdir(folder));
afterAll(() => process.chdir(cwd));

test('the lines are read', () => {
  expect(snippets.length).toBeGreaterThan(30);
  expect(snippets[0]).toMatch(/^sequential\(/);
});

/** What a reader has at hand; shared, so that lines build on each other. */
const { layers, sequential, ndarray } = fusor;
const base = sequential([layers.dense(2, { inputShape: [3] })]);
const PLAIN = { backend: 'tfjs', tfjsEngine: 'cpu', quiet: true } as const;
const y = ndarray(uniform(40, 1, 1, 1), [20, 2]);
const model = sequential([layers.dense(2, { inputShape: [3] })]);
model.compile({ optimizer: 'adam', loss: 'mse', metrics: ['mae'], ...PLAIN });
const classifier = sequential([layers.dense(10, { activation: 'softmax', inputShape: [3] })]);
classifier.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', ...PLAIN });
const x = ndarray(uniform(60, 1, 1, 0), [20, 3]);
const labels = Uint8Array.from({ length: 20 }, (_, i) => i % 2);
const h = { history: { valLoss: [1] } };
const rows = function* () {
  yield { x, y };
};

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...given: unknown[]) => Promise<unknown>;
const isFragment = (snippet: string) => /^\w+: /.test(snippet);

test.each(snippets)('%s', async (snippet) => {
  const forClasses = snippet.includes('labels') || snippet.includes('classWeight');
  const scope = { ...fusor, console: { log: () => {} }, x, y, labels, rows, h, base, loss: 0, mae: 0 };
  const given = { ...scope, model: forClasses ? classifier : model };
  const code = `return (${isFragment(snippet) ? `{ ${snippet} }` : snippet});`;
  const value = await new AsyncFunction(...Object.keys(given), code)(...Object.values(given));
  if (snippet.includes('evaluate'))
    expect(value).toEqual({ loss: expect.any(Number), mae: expect.any(Number) });
  // A fragment is an option of a Dense layer; a callback is one that fit takes.
  if (isFragment(snippet)) layers.dense(2, value as object);
  if (/^(\[|\{|\w+(Stopping|Plateau|Scheduler|Checkpoint)\()/.test(snippet)) {
    const callbacks = [value].flat() as fusor.Callback[];
    const few = sequential([layers.dense(2, { inputShape: [3] })]);
    few.compile({ optimizer: 'adam', loss: 'mse', ...PLAIN });
    await few.fit(x, y, { epochs: 1, verbose: 0, validationSplit: 0.5, callbacks });
    await few.dispose();
  }
});
