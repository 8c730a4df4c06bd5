/** scripts/examples/ as a user runs them, on few rows; of the sets that are not here on small ones of their form. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../../src/index';
import { environment, finished } from '../support/cli';
import { cifarFiles, writeFiles } from '../support/data-sets';
import { repository, temporaryFolder } from '../support/script';
import { testUnless } from '../support/skip';

const cwd = temporaryFolder();

async function example(name: string, ...args: string[]) {
  const program = join(repository, 'scripts', 'examples', `${name}.mjs`);
  const env = environment({ FUSOR_BACKEND: 'tfjs', FUSOR_TFJS_ENGINE: 'wasm' });
  const ran = await finished(spawn(process.execPath, [program, ...args], { cwd, env }));
  if (ran.status !== 0) throw new Error(`${name} ended with ${ran.status}:\n${ran.stderr}`);
  return ran.stdout;
}

const accuracyIn = (text: string) => Number(/accuracy ([\d.]+)/.exec(text.slice(text.indexOf('test ')))?.[1]);

test('mnist', async () => {
  expect(accuracyIn(await example('mnist', '1500'))).toBeGreaterThan(0.8);
}, 120_000);

const fashion = existsSync('/usr/share/datasets/fashion-mnist');
testUnless(!fashion && "Fashion-MNIST is not here: Debian's package dataset-fashion-mnist has it")(
  'fashion-mnist',
  async () => {
    const said = await example('fashion-mnist', '1500');
    expect(accuracyIn(said)).toBeGreaterThan(0.7);
    // The first of the test images is one.
    expect(said).toMatch(/looks like: (Ankle boot|Sneaker|Sandal)\n$/);
  },
  120_000,
);

test('cifar10: learns what can be told apart, and leaves a model of Keras', async () => {
  const folder = writeFiles(join(cwd, 'cifar'), cifarFiles(40));
  const said = await example('cifar10', '150', folder);
  expect(said).toMatch(/^test accuracy [01]\.\d{4}$/m);
  const model = await loadModel(join(cwd, 'cifar10.keras'), {
    backend: 'tfjs',
    tfjsEngine: 'cpu',
    quiet: true,
  });
  expect(model.toJSON().layers[2].config).toMatchObject({ kernelConstraint: { maxNorm: 3 } });
  await model.dispose();
}, 120_000);

test('imdb: words that tell', async () => {
  const words = ['the', 'and', 'good', 'bad', 'film'];
  // Good reviews say good, bad ones bad; some say film.
  const review = (i: number) => `${i % 2 ? 9 : 2} 0:1 ${i % 2 ? 2 : 3}:1${i % 3 ? ' 4:1' : ''}`;
  const reviews = (count: number) => Array.from({ length: count }, (_, i) => `${review(i)}\n`).join('');
  const folder = writeFiles(join(cwd, 'imdb'), {
    'imdb.vocab': `${words.join('\n')}\n`,
    'train/labeledBow.feat': reviews(8000),
    'test/labeledBow.feat': reviews(200),
  });
  const said = await example('imdb', '8000', folder);
  expect(accuracyIn(said)).toBeGreaterThan(0.9);
  const [good, bad] = [...said.matchAll(/: (\d+) % good/g)].map(([, share]) => Number(share));
  expect(good).toBeGreaterThan(bad);
}, 120_000);
