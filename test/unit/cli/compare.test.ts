/** What a comparison of runs may say, and of which runs. */
import { comparisonPage, fastest } from '../../../src/cli/compare/page';
import type { ComparedRun } from '../../../src/cli/compare/run';
import { compareSteps } from '../../../src/cli/compare/steps';
import { figures } from '../../../src/cli/compare/table';

interface Given {
  step?: number;
  batchSize?: number;
  units?: number;
  sha256?: string;
  rows?: number;
  accuracy?: number;
}

const run = (
  name: string,
  { step = 20, batchSize = 32, units = 8, sha256 = 'a', rows = 100, accuracy = 0.5 }: Given = {},
) =>
  ({
    name,
    path: name,
    document: {
      backend: {
        name: 'native',
        engine: 'libtorch',
        device: 'cpu',
        deviceName: 'x',
        kernels: 'fused',
        versions: {},
        threads: 2,
      },
      seed: 7,
      data: { name: 'set', rows, sha256 },
      model: { layers: [{ className: 'Dense', config: { name, units } }], parameters: units },
      history: [
        { epoch: 0, loss: 1, accuracy, valLoss: 1, valAccuracy: accuracy, seconds: 1, memoryBytes: 1 },
      ],
      test: { loss: 1 - accuracy, accuracy },
      timing: { stepMicroseconds: step, steps: 3, fitSeconds: 1, startupSeconds: 1, setupSeconds: 1 },
      fallback: [],
    },
    environment: {},
    config: { batchSize, optimizer: 'adam' },
    stepLosses: null,
    epochSeconds: 1,
    peakBytes: 1e6,
    startupSeconds: 1,
  }) as unknown as ComparedRun;

test.each([
  [
    'of the same net and batch',
    [run('a'), run('b', { step: 50 })],
    'a trains fastest, 20 µs a step: 2.5 times as fast as b.',
  ],
  // Twice the rows in less than twice the time.
  [
    'of other batches',
    [run('a'), run('b', { step: 30, batchSize: 64 })],
    'b trains fastest, 2,133,333 rows a second: 1.3 times as fast as a.',
  ],
  [
    'of other nets',
    [run('a'), run('b', { units: 9 })],
    'Their nets differ, so that their times are not held against each other.',
  ],
  ['that are equal', [run('a'), run('b', { step: 20.1 })], 'a trains at 20 µs a step: as fast as b.'],
])('runs %s: which is the fastest', (_, runs, said) => expect(fastest(runs)).toBe(said));

test('the best is one of the same data', () => {
  const bold = (runs: ComparedRun[]) => figures(runs).map((cells) => cells[3].best);
  expect(bold([run('a'), run('b', { accuracy: 0.9 })])).toEqual([false, true]);
  expect(bold([run('a'), run('b', { accuracy: 0.9, sha256: 'b' })])).toEqual([false, false]);
});

test('the page begins with what all have alike', () => {
  const head = (runs: ComparedRun[]) =>
    /<p class="muted">([^<]*)</.exec(
      comparisonPage(
        runs,
        runs.slice(1).map((each) => compareSteps(each, runs[0])),
      ),
    )?.[1];
  expect(head([run('a'), run('b')])).toBe('set · 100 rows · 8 parameters · seed 7');
  expect(head([run('a'), run('b', { units: 9, rows: 50 })])).toBe('seed 7');
  expect(compareSteps(run('b', { rows: 50 }), run('a')).incomparable).toBe('another number of rows');
});
