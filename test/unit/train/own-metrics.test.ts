/** Metrics that callbacks give. */
import type { Callback } from '../../../src/train/callbacks';
import type { Checkpoint } from '../../../src/train/checkpoint';
import { earlyStopping } from '../../../src/train/early-stopping';
import type { Logs } from '../../../src/train/history';
import { failure, labelled, referenceModel } from '../../support/models';

const { x, y } = labelled(50);
/** Seven batches an epoch, the last of two rows. */
const SEVEN = { verbose: 0, batchSize: 8 } as const;

test("metrics of one's own are in logs and history, and may be monitored", async () => {
  const model = referenceModel();
  const f1 = { logNames: ['f1'], epochLogs: async (epoch: number) => ({ f1: [0.1, 0.9, 0.5, 0.4][epoch] }) };
  const seen: Logs[] = [];
  const note = { onEpochEnd: (_: number, logs: Logs) => void seen.push(logs) };
  const stop = earlyStopping({ monitor: 'f1', mode: 'max', patience: 2 });
  const options = { ...SEVEN, epochs: 9, validationSplit: 0.1, callbacks: [note, stop, f1] };
  const { history, stopped } = await model.fit(x, y, options);
  expect([history.f1, stopped]).toEqual([[0.1, 0.9, 0.5, 0.4], 'callback']);
  expect(Object.keys(seen[0])).toEqual(['loss', 'accuracy', 'valLoss', 'valAccuracy', 'f1']);
  const during = {
    logNames: ['share'],
    epochLogs: async () => ({ share: (await model.evaluate(x, y)).accuracy }),
  };
  expect((await model.fit(x, y, { ...SEVEN, callbacks: [during] })).history.share).toHaveLength(1);
});

test('whether one is better greater or smaller has to be said', async () => {
  const f1 = { logNames: ['f1'], epochLogs: () => ({ f1: 1 }) };
  const stop = earlyStopping({ monitor: 'f1' });
  const error = await failure(referenceModel().fit(x, y, { ...SEVEN, callbacks: [f1, stop] }));
  expect([error.code, error.message]).toEqual([
    'ERR_ARG',
    "whether f1 is better greater or smaller is not known · earlyStopping, mode · say 'max' or 'min'",
  ]);
});

test.each<[string, object, string]>([
  [
    'a name that is taken',
    { logNames: ['accuracy'], epochLogs: () => ({ accuracy: 1 }) },
    'two values are called accuracy',
  ],
  ['a name that is none', { logNames: ['val Loss'], epochLogs: () => ({}) }, 'a word of letters'],
  ['no names', { epochLogs: () => ({ f1: 1 }) }, 'the names of what epochLogs gives'],
  ['no values', { logNames: ['f1'] }, 'the names of what epochLogs gives'],
  [
    'a value that is not there',
    { logNames: ['f1'], epochLogs: () => undefined },
    'f1 of epochLogs must be a number',
  ],
])("metrics of one's own: %s is refused", async (_, callback, message) => {
  const error = await failure(referenceModel().fit(x, y, { ...SEVEN, callbacks: [callback as Callback] }));
  expect([error.code, error.message]).toEqual(['ERR_ARG', expect.stringContaining(message)]);
});

test('a value that an epoch lacks is NaN there: later ones stay at their epochs', async () => {
  const model = referenceModel();
  const own: Callback = { logNames: ['own'], epochLogs: (epoch) => ({ own: epoch }) };
  const kept: Checkpoint[] = [];
  const keep: Callback = {
    last: true,
    onEpochEnd: async (_, __, context) => void kept.push(await context.checkpoint()),
  };
  await model.fit(x, y, { ...SEVEN, epochs: 1, callbacks: [own, keep] });
  await model.fit(x, y, { ...SEVEN, epochs: 2, resume: kept.at(-1), callbacks: [keep] });
  const { history } = await model.fit(x, y, { ...SEVEN, epochs: 3, resume: kept.at(-1), callbacks: [own] });
  expect(history.own).toEqual([0, Number.NaN, 2]);
});
