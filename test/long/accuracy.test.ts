/** The accuracies of the README's table, for the data sets that are here. */
import { findDataset, locateDataset } from '../../src/data/registry';
import { BACKENDS, documentOf, fusor } from '../support/cli';
import { figure } from '../support/figures';
import { temporaryFolder } from '../support/script';
import { testUnless } from '../support/skip';

const cwd = temporaryFolder();
/** The quickest backend that is here. */
const [, flags] = BACKENDS.filter(([, , obstacle]) => !obstacle).at(-1)!;

const BANDS: [name: string, low: number, high: number, ...flags: string[]][] = [
  ['mnist', 0.973, 0.983],
  ['fashion-mnist', 0.87, 0.9],
  ['cifar10', 0.45, 0.55],
  [
    'imdb',
    0.86,
    0.89,
    '--layers',
    '16,16',
    '--loss',
    'binaryCrossentropy',
    '--batch-size',
    '512',
    '--epochs',
    '4',
  ],
];

function absence(name: string): string | undefined {
  try {
    locateDataset(findDataset(name));
  } catch {
    return `${name} is not here: fusor data fetch ${name}`;
  }
}

for (const [name, low, high, ...more] of BANDS)
  testUnless(absence(name))(`${name}: ${low} to ${high}`, async () => {
    const run = ['train', '--data', name, '--offline', '--seed', '7', '--run-dir', name, ...more, ...flags];
    const { test: tested } = documentOf(await fusor([...run, '--json', '--quiet'], { cwd }));
    expect(tested.accuracy).toBeGreaterThanOrEqual(low);
    expect(tested.accuracy).toBeLessThanOrEqual(high);
    figure('data sets within their band of accuracy', 1);
  });
