import { toCategorical } from '../../../src/data/labels';
import { ndarray } from '../../../src/data/ndarray';
import { layers } from '../../../src/model/layers';
import { type MetricConfig, metrics } from '../../../src/model/metrics';
import { optimizers } from '../../../src/model/optimizers';
import type { Callback } from '../../../src/train/callbacks';
import type { Checkpoint } from '../../../src/train/checkpoint';
import { earlyStopping } from '../../../src/train/early-stopping';
import { terminateOnNaN } from '../../../src/train/terminate-on-nan';
import { classifier, failure, labelled, referenceModel, SPARSE, spyBackend } from '../../support/models';

const { x, y } = labelled(50);
const SEVEN = { verbose: 0, batchSize: 8 } as const;

test.each<[name: string, metric: MetricConfig, monitor: string]>([
  ['an accuracy', { kind: 'accuracy', name: 'right' }, 'right'],
  ['topK', metrics.topK(2, { name: 'top_two' }), 'val_top_two'],
  ['topK, by the name in the logs', metrics.topK(2, { name: 'top_two' }), 'valTop_two'],
  ['an error that is called accuracy', { kind: 'meanAbsoluteError', name: 'accuracyLost' }, 'accuracyLost'],
])('%s: which way is better does not hang on its name', async (_name, metric, monitor) => {
  const stop = earlyStopping({ monitor, patience: 8 });
  const optimizer = optimizers.adam({ learningRate: 0.1 });
  const compile = { ...SPARSE, optimizer, loss: 'categoricalCrossentropy', metrics: [metric] } as const;
  const { history } = await referenceModel(classifier(), compile).fit(x, toCategorical(y, 3), {
    ...SEVEN,
    epochs: 8,
    validationSplit: 0.5,
    seed: 1,
    callbacks: [stop],
  });
  const values = history[monitor === 'val_top_two' ? 'valTop_two' : monitor];
  expect(new Set(values).size).toBeGreaterThan(1);
  const best = metric.kind === 'meanAbsoluteError' ? Math.min(...values) : Math.max(...values);
  expect(stop.bestEpoch).toBe(values.indexOf(best));
});

test('each early stopping goes back to its own best weights', async () => {
  const weights: unknown[] = [];
  const keep: Callback = {
    onEpochEnd: async (_epoch, _logs, t) => void weights.push(await t.model.getWeights()),
  };
  // The loss grows from epoch to epoch, so that the first is best, and the greatest is never the best of before.
  const first = earlyStopping({ monitor: 'loss', patience: 3, restoreBestWeights: true });
  const later = earlyStopping({ monitor: 'loss', mode: 'max', patience: 9, restoreBestWeights: true });
  const compile = { ...SPARSE, optimizer: optimizers.sgd({ learningRate: 3 }) };
  const model = referenceModel(classifier(), compile);
  await model.fit(x, y, { ...SEVEN, epochs: 9, callbacks: [later, first, keep] });
  expect(first.bestEpoch).not.toBe(later.bestEpoch);
  expect(await model.getWeights()).toEqual(weights[first.bestEpoch!]);
});

test('terminateOnNaN: fit resolves where it would have rejected', async () => {
  const linear = () =>
    referenceModel([layers.dense(3, { inputShape: [5] })], {
      optimizer: optimizers.sgd({ learningRate: 1e30 }),
      loss: 'mse',
      seed: 1,
    });
  const values = toCategorical(y, 3);
  expect((await failure(linear().fit(x, values, SEVEN))).code).toBe('ERR_NONFINITE_LOSS');
  const history = await linear().fit(x, values, { ...SEVEN, epochs: 3, callbacks: [terminateOnNaN()] });
  expect([history.stopped, history.epoch]).toEqual(['callback', []]);
  expect(history.stepLosses.at(-1)).not.toBeLessThan(Number.MAX_VALUE);
});

test('terminateOnNaN holds for the validation, too', async () => {
  const { backend } = spyBackend((session) => {
    session.evaluate = async () => ({ loss: Number.NaN, metrics: [0] });
    return session;
  });
  const trained = (...callbacks: Callback[]) =>
    referenceModel(classifier(), SPARSE, backend).fit(x, y, { ...SEVEN, validationSplit: 0.2, callbacks });
  expect((await failure(trained())).message).toContain('the validation loss became NaN');
  const history = await trained(terminateOnNaN());
  expect([history.stopped, history.epoch]).toEqual(['callback', []]);
});

test('after divergence: best weights are restored, and setWeights begins the optimiser afresh', async () => {
  const compile = { ...SPARSE, loss: 'mse', metrics: [] } as const;
  const model = referenceModel([layers.dense(3, { inputShape: [5] })], compile);
  const weights: Awaited<ReturnType<typeof model.getWeights>>[] = [];
  const blowUp: Callback = {
    onEpochBegin: (epoch, t) => {
      if (epoch === 1) t.learningRate = 1e38;
    },
    onEpochEnd: async (_epoch, _logs, t) => void weights.push(await t.model.getWeights()),
  };
  const values = toCategorical(y, 3);
  const stop = earlyStopping({ monitor: 'loss', patience: 9, restoreBestWeights: true });
  const callbacks = [terminateOnNaN(), stop, blowUp];
  const history = await model.fit(x, values, { ...SEVEN, epochs: 3, callbacks });
  expect([history.stopped, history.epoch]).toEqual(['callback', [0]]);
  expect(await model.getWeights()).toEqual(weights[0]);
  expect(
    (await failure(model.fit(x, values, { ...SEVEN, callbacks: [blowUp], initialEpoch: 1, epochs: 3 }))).code,
  ).toBe('ERR_NONFINITE_LOSS');
  await model.setWeights(weights[0]);
  const { step, slots } = await model.readState();
  expect([step, slots.flat().every((slot) => slot.every((value) => value === 0))]).toEqual([0, true]);
});

test('the best weights come back, too, where they were the last epoch’s and are others now', async () => {
  const model = referenceModel();
  const kept: unknown[] = [];
  const own: Callback = { logNames: ['f'], epochLogs: (epoch) => ({ f: -epoch }) };
  const touch: Callback = {
    onEpochEnd: async (epoch, _logs, { model }) => {
      const weights = await model.getWeights();
      kept.push(structuredClone(weights));
      if (epoch === 1) await model.setWeights(weights.map(({ data, shape }) => ndarray(data.fill(9), shape)));
    },
  };
  const stop = earlyStopping({ monitor: 'f', mode: 'min', patience: 5, restoreBestWeights: true });
  await model.fit(x, y, { ...SEVEN, epochs: 2, callbacks: [own, stop, touch] });
  expect(stop.bestEpoch).toBe(1);
  expect(await model.getWeights()).toEqual(kept[1]);
});

test('best weights that no checkpoint has are missed aloud', async () => {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const kept: Checkpoint[] = [];
  const keep: Callback = {
    last: true,
    onEpochEnd: async (_epoch, _logs, t) => void kept.push(await t.checkpoint()),
  };
  await referenceModel().fit(x, y, { ...SEVEN, epochs: 2, callbacks: [keep] });
  const stop = () => earlyStopping({ monitor: 'loss', patience: 5, restoreBestWeights: true });
  await referenceModel().fit(x, y, { ...SEVEN, epochs: 3, resume: kept[1], callbacks: [stop()] });
  expect(warned.mock.calls).toEqual([[expect.stringMatching(/no weights of epoch [12], the best so far/)]]);
  warned.mockRestore();
});
