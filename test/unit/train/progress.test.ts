import type { TrainingContext } from '../../../src/train/callbacks';
import { progressPrinter, values } from '../../../src/train/progress';
import { labelled, referenceModel } from '../../support/models';

const LOGS = { loss: 0.0753, accuracy: 0.9787, valLoss: 0.1, valAccuracy: 0.9699 };
const CONTEXT = { epochs: 10, batch: 1500, batches: 1500, stepMicroseconds: 37.4 } as TrainingContext;

/** What a printer writes for one epoch. */
async function printed(
  verbose: 0 | 1 | 2 | 'auto',
  terminal: { isTTY?: boolean; columns?: number },
  environment: NodeJS.ProcessEnv = {},
  context = CONTEXT,
): Promise<string> {
  let text = '';
  const stream = {
    ...terminal,
    write: (more: string) => {
      text += more;
    },
  };
  const printer = progressPrinter(verbose, stream, environment);
  await printer?.onEpochBegin?.(0, context);
  printer?.onProgress?.({ epoch: 0, batch: 750, batches: 1500, logs: { loss: 0.5 } }, context);
  await printer?.onEpochEnd?.(0, LOGS, context);
  return text;
}

const VALUES = 'accuracy: 0.9787 - loss: 0.0753 - val_accuracy: 0.9699 - val_loss: 0.1000';

test('a terminal: the line of Keras, redrawn in place', async () => {
  const text = await printed('auto', { isTTY: true, columns: 200 }, { NO_COLOR: '1' });
  const [title, half, whole] = text.split(/[\r]/);
  expect(title).toBe('Epoch 1/10\n');
  expect(half.replace('\x1b[K', '')).toMatch(/^ 750\/1500 ━{10}─{10} 0s \d+us\/step - loss: 0\.5000$/);
  expect(whole).toBe(`1500/1500 ${'━'.repeat(20)} 0s 37us/step - ${VALUES}\x1b[K\n`);
});

test('colour only where it is wanted', async () => {
  const green = '\x1b[32m';
  expect(await printed(1, { isTTY: true }, {})).toContain(green);
  expect(await printed(1, { isTTY: true }, { NO_COLOR: '1' })).not.toContain(green);
  expect(await printed(1, {}, {})).not.toContain(green);
  expect(await printed(1, { isTTY: true }, { TERM: 'dumb' })).not.toContain(green);
});

test('a pipe: one line an epoch, without control characters', async () => {
  const line = `Epoch 1/10 - 1500/1500 - 0s 37us/step - ${VALUES}\n`;
  expect(await printed('auto', {})).toBe(line);
  expect(await printed(2, { isTTY: true })).toBe(line);
});

test('silence', async () => {
  expect(await printed(0, { isTTY: true })).toBe('');
});

test('a narrow terminal: the line does not wrap', async () => {
  const text = await printed(1, { isTTY: true, columns: 40 }, { NO_COLOR: '1' });
  // But for the last, which stays, and says all.
  const lines = text.split(/[\r\n]/).map((line) => line.replace('\x1b[K', ''));
  for (const line of lines.slice(0, -2)) expect(line.length).toBeLessThan(40);
  expect(lines.at(-2)).toMatch(new RegExp(`${VALUES}$`));
  // Cut where a value ends.
  expect(lines[2]).toMatch(/^ 750\/1500 (━*─* 0s \d+us\/step( - loss: 0\.5000)?)?$/);
});

test.each([
  [0.4, '0us/step'],
  [999, '999us/step'],
  [4321, '4ms/step'],
  [2_000_000, '2s/step'],
])('%p microseconds', async (stepMicroseconds, expected) => {
  expect(await printed(2, {}, {}, { ...CONTEXT, stepMicroseconds })).toContain(` ${expected} `);
});

test('small values keep their digits', () => {
  expect(values({ loss: 0.00012345, accuracy: 0, mse: 12 })).toBe(
    'accuracy: 0.0000 - loss: 1.2345e-4 - mse: 12.0000',
  );
});

test('fit prints on stderr, a line an epoch when that is no terminal', async () => {
  const { x, y } = labelled(10);
  const lines: string[] = [];
  const write = jest
    .spyOn(process.stderr, 'write')
    .mockImplementation((text) => lines.push(String(text)) > 0);
  try {
    await referenceModel().fit(x, y, { epochs: 2, verbose: 2 });
    await referenceModel().fit(x, y, { verbose: 0 });
  } finally {
    write.mockRestore();
  }
  expect(lines.map((line) => line.replace(/ - .*/s, ''))).toEqual(['Epoch 1/2', 'Epoch 2/2']);
});

test('an aborted line is ended', async () => {
  let text = '';
  const printer = progressPrinter(
    1,
    {
      isTTY: true,
      write: (more) => {
        text += more;
      },
    },
    { NO_COLOR: '1' },
  );
  await printer?.onEpochBegin?.(0, CONTEXT);
  printer?.onProgress?.({ epoch: 0, batch: 1, batches: 2, logs: { loss: 1 } }, CONTEXT);
  await printer?.onTrainError?.(new Error('x'), CONTEXT);
  expect(text.endsWith('\n')).toBe(true);
});
