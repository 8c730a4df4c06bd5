/**
 * What a profile promises of itself on MNIST, by the clock: others use the machine, too, so of three tries, each the
 * median of five looks, the best counts.
 */
import type { ProfileDocument } from '../../src/profile/profile';
import { BACKENDS, documentOf, fusor } from '../support/cli';
import { temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

const TRIES = 3;
const ROUNDS = 5;
const cwd = temporaryFolder();
const [, [, , obstacle]] = BACKENDS;
const names = { 'native:fused': 'fusor native', 'native:framework': 'fusor native, framework kernels' };

interface Figures {
  /** 0.01: one per cent more. */
  stamping: number;
  coverage: number;
  /** A step of `bench train` in steps of the profile. */
  benched: number;
}

async function look(): Promise<Record<string, Figures>> {
  const flags = [
    '--variants',
    Object.keys(names).join(','),
    '--rounds',
    '11',
    '--epochs',
    '0',
    '--seed',
    '7',
  ];
  const profile: ProfileDocument = documentOf(await fusor(['profile', ...flags, '--json'], { cwd }));
  const bench = ['bench', 'train', '--peers', 'none', '--repetitions', '1', '--epochs', '4'];
  const { rows } = documentOf(await fusor([...bench, '--json'], { cwd }));
  const pairs = profile.variants.map(({ name, stampingCost, coverage, step }) => {
    const row = rows.find((each: { name: string }) => each.name === names[name as keyof typeof names]);
    return [name, { stamping: stampingCost, coverage, benched: row.stepMicroseconds.median / step.median }];
  });
  return Object.fromEntries(pairs);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

describeUnless(obstacle)('MNIST', () => {
  test('stamping costs less than 2 %, phases add up to a step, which is that of bench train', async () => {
    const tries: Record<string, Figures>[][] = [];
    // Profile and bench in turns, for the machine drifts.
    for (let i = 0; i < TRIES; i++) {
      const looks: Record<string, Figures>[] = [];
      for (let round = 0; round < ROUNDS; round++) looks.push(await look());
      tries.push(looks);
    }
    for (const name of Object.keys(names)) {
      // Abs after the median: a stamping cost below zero is noise as well.
      const least = (of: (each: Figures) => number) =>
        Math.min(...tries.map((looks) => Math.abs(median(looks.map((each) => of(each[name]))))));
      expect(least(({ stamping }) => stamping)).toBeLessThan(0.02);
      expect(least(({ coverage }) => coverage - 1)).toBeLessThan(0.05);
      expect(least(({ benched }) => benched - 1)).toBeLessThan(0.1);
    }
  }, 1_800_000);
});
