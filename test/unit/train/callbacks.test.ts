import { existsSync } from 'node:fs';
import { metrics } from '../../../src/model/metrics';
import { modelCheckpoint } from '../../../src/runs/model-checkpoint';
import type { Callback, EpochProgress, TrainingContext } from '../../../src/train/callbacks';
import { earlyStopping } from '../../../src/train/early-stopping';
import type { History, Logs } from '../../../src/train/history';
import { learningRateScheduler } from '../../../src/train/learning-rate';
import { reduceOnPlateau } from '../../../src/train/reduce-on-plateau';
import { schedules } from '../../../src/train/schedules';
import { classifier, failure, labelled, referenceModel, SPARSE, spyBackend } from '../../support/models';

const { x, y } = labelled(50);
/** Seven batches an epoch, the last of two rows. */
const SEVEN = { verbose: 0, batchSize: 8 } as const;

test('the order of calls', async () => {
  const calls: string[] = [];
  const callback: Callback = {
    everyBatches: 3,
    onTrainBegin: () => void calls.push('train begins'),
    onEpochBegin: (epoch) => void calls.push(`epoch ${epoch}`),
    onBatchEnd: (batch, _logs, _t, losses) => void calls.push(`batch ${batch}, ${losses.length} losses`),
    onEpochEnd: (epoch, logs) => void calls.push(`epoch ${epoch}: ${Object.keys(logs)}`),
    onTrainEnd: (logs) => void calls.push(`train ends: ${Object.keys(logs)}`),
    onTrainError: () => void calls.push('never'),
  };
  await referenceModel().fit(x, y, { ...SEVEN, epochs: 2, validationSplit: 0.1, callbacks: [callback] });
  const names = 'loss,accuracy,valLoss,valAccuracy';
  const epoch = (n: number) => [
    `epoch ${n}`,
    'batch 2, 3 losses',
    'batch 5, 3 losses',
    `epoch ${n}: ${names}`,
  ];
  expect(calls).toEqual(['train begins', ...epoch(0), ...epoch(1), `train ends: ${names}`]);
});

test('each callback gets the steps since its own last call, at its own cadence', async () => {
  const seen: Record<number, { logs: Logs; losses: Float32Array }[]> = { 1: [], 2: [], 3: [] };
  const callbacks = [1, 2, 3].map((everyBatches) => ({
    everyBatches,
    onBatchEnd: (_batch: number, logs: Logs, _t: TrainingContext, losses: Float32Array) =>
      void seen[everyBatches].push({ logs, losses }),
  }));
  const history = await referenceModel().fit(x, y, { ...SEVEN, callbacks });
  const lengths = (every: number) => seen[every].map(({ losses }) => losses.length);
  expect([lengths(1), lengths(2), lengths(3)]).toEqual([new Array(7).fill(1), [2, 2, 2, 1], [3, 3, 1]]);
  for (const calls of Object.values(seen))
    expect(calls.flatMap(({ losses }) => Array.from(losses))).toEqual(Array.from(history.stepLosses));
  const [first, second, third] = history.stepLosses;
  expect(seen[3][0].logs.loss).toBeCloseTo((first + second + third) / 3, 12);
  expect(seen[3][0].logs.accuracy).toBeCloseTo(
    seen[1].slice(0, 3).reduce((sum, { logs }) => sum + logs.accuracy, 0) / 3,
    12,
  );
});

test('the context tells where training stands', async () => {
  const model = referenceModel();
  const seen: unknown[] = [];
  const tell = (t: TrainingContext) => void seen.push([t.step, t.epoch, t.batch]);
  const callbacks: Callback[] = [
    {
      everyBatches: 4,
      onTrainBegin: tell,
      onBatchEnd: (_b, _l, t) => tell(t),
      onEpochEnd: (_e, _l, t) => {
        tell(t);
        expect(t).toMatchObject({ batches: 7, batchSize: 8, epochs: 2, seed: 7, learningRate: 0.001 });
        expect(t.model).toBe(model);
        expect(t.stepMicroseconds).toBeGreaterThan(0);
      },
    },
  ];
  await model.fit(x, y, { ...SEVEN, epochs: 2, callbacks });
  expect(seen).toEqual([
    [0, 0, 0],
    [4, 0, 4],
    [7, 0, 7],
    [7, 0, 7],
    [11, 1, 4],
    [14, 1, 7],
    [14, 1, 7],
  ]);
});

test('a learning rate that a callback sets holds from the next span on, and after fit', async () => {
  const rates: number[][] = [];
  const { backend } = spyBackend((session) => {
    const { run } = session;
    session.run = (span, listen) => {
      rates.push(Array.from(span.learningRates));
      return run.call(session, span, listen);
    };
    return session;
  });
  const model = referenceModel(classifier(), SPARSE, backend);
  const halve: Callback = {
    everyBatches: 5,
    onBatchEnd(_batch, _logs, t) {
      t.learningRate /= 2;
    },
  };
  model.compile({ ...SPARSE, optimizer: 'sgd' });
  await model.fit(x, y, { ...SEVEN, callbacks: [halve] });
  expect(rates).toEqual([new Array(5).fill(Math.fround(0.01)), new Array(2).fill(Math.fround(0.005))]);
  expect(model.learningRate).toBe(0.0025);
});

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, '1'])('a rate of %p ends fit', async (rate) => {
  const onBatchEnd: Callback['onBatchEnd'] = (_batch, _logs, t) => {
    t.learningRate = rate as number;
  };
  const callbacks = [{ onBatchEnd }];
  expect((await failure(referenceModel().fit(x, y, { ...SEVEN, callbacks }))).code).toBe('ERR_ARG');
});

test('stop between batches: the epoch is validated and recorded', async () => {
  const callbacks: Callback[] = [{ everyBatches: 2, onBatchEnd: (_b, _l, t) => t.stop() }];
  const model = referenceModel();
  const history = await model.fit(x, y, { ...SEVEN, epochs: 5, validationSplit: 0.2, callbacks });
  expect(history).toMatchObject({ stopped: 'callback', epoch: [0], timing: { steps: 2 } });
  expect(history.history.valLoss.length).toBe(1);
  expect(history.history.loss[0]).toBeCloseTo((history.stepLosses[0] + history.stepLosses[1]) / 2, 12);
});

test('stop in the middle of a span ends it after the step at hand', async () => {
  const callbacks: Callback[] = [{ onProgress: (_progress, t) => t.step === 0 && t.stop() }];
  const history = await referenceModel().fit(x, y, { ...SEVEN, epochs: 5, callbacks });
  expect(history).toMatchObject({ stopped: 'callback', epoch: [0], timing: { steps: 1 } });
});

test('stop before the first epoch records nothing', async () => {
  const callbacks: Callback[] = [{ onEpochBegin: (_epoch, t) => t.stop() }];
  const history = await referenceModel().fit(x, y, { ...SEVEN, callbacks });
  expect(history).toMatchObject({ stopped: 'callback', epoch: [], timing: { steps: 0 } });
});

test('stop after an epoch', async () => {
  const callbacks: Callback[] = [{ onEpochEnd: (epoch, _logs, t) => void (epoch === 1 && t.stop()) }];
  const history = await referenceModel().fit(x, y, {
    ...SEVEN,
    epochs: 5,
    callbacks: callbacks as Callback[],
  });
  expect(history).toMatchObject({ stopped: 'callback', epoch: [0, 1] });
});

test.each<[name: string, callback: Callback]>([
  ['earlyStopping', earlyStopping({ monitor: 'val_los' })],
  ['reduceOnPlateau', reduceOnPlateau({ monitor: 'val_los' })],
  ['modelCheckpoint', modelCheckpoint('never-made', { save: 'best', monitor: 'val_los' })],
])('%s: what no log is called is refused before the first step', async (name, callback) => {
  const model = referenceModel();
  const before = await model.getWeights();
  const error = await failure(model.fit(x, y, { ...SEVEN, validationSplit: 0.1, callbacks: [callback] }));
  expect(error).toMatchObject({
    code: 'ERR_ARG',
    message: expect.stringContaining(
      `nothing is called val_los · ${name}, monitor · known are loss, accuracy, valLoss, valAccuracy`,
    ),
  });
  expect(await model.getWeights()).toEqual(before);
  expect(existsSync('never-made')).toBe(false);
});

test('a metric may have the name of what all objects have', async () => {
  const compile = { ...SPARSE, metrics: [metrics.topK(2, { name: 'constructor' })] };
  const { history } = await referenceModel(classifier(), compile).fit(x, y, SEVEN);
  expect(history.constructor).toEqual([expect.any(Number)]);
});

test('a rate that is set while a span runs stays', async () => {
  const callbacks: Callback[] = [
    {
      onProgress: ({ batch }, t) => {
        if (batch === 2) t.learningRate = 0.25;
      },
    },
  ];
  const model = referenceModel();
  await model.fit(x, y, { ...SEVEN, callbacks });
  expect(model.learningRate).toBe(0.25);
});

test('where another callback stops in mid-epoch, the last batches are told', async () => {
  const calls: [number, number][] = [];
  const callbacks: Callback[] = [
    { onBatchEnd: (batch, _logs, t) => void (batch === 4 && t.stop()) },
    { everyBatches: 3, onBatchEnd: (batch, _logs, _t, losses) => void calls.push([batch, losses.length]) },
    { everyBatches: 5, onBatchEnd: (batch, _logs, _t, losses) => void calls.push([batch, losses.length]) },
  ];
  await referenceModel().fit(x, y, { ...SEVEN, callbacks });
  expect(calls).toEqual([
    [2, 3],
    [4, 5],
    [4, 2],
  ]);
});

test('progress counts the whole epoch, across spans', async () => {
  const seen: EpochProgress[] = [];
  const callbacks: Callback[] = [
    { everyBatches: 3, onBatchEnd() {} },
    { onProgress: (p) => void seen.push(p) },
  ];
  const history = await referenceModel().fit(x, y, { ...SEVEN, callbacks });
  expect(seen.map(({ epoch, batch, batches }) => [epoch, batch, batches])).toEqual(
    Array.from({ length: 7 }, (_, i) => [0, i + 1, 7]),
  );
  expect(seen[6].logs.loss).toBeCloseTo(history.history.loss[0], 6);
});

const broken = new Error('broken');
const throws = () => {
  throw broken;
};

test.each<[string, Callback, number]>([
  ['onTrainBegin', { onTrainBegin: throws }, 0],
  ['onEpochBegin', { onEpochBegin: throws }, 0],
  ['onProgress', { onProgress: throws }, 1],
  ['onBatchEnd', { everyBatches: 2, onBatchEnd: throws }, 2],
  ['onEpochEnd', { onEpochEnd: throws }, 7],
  ['onTrainEnd', { onTrainEnd: throws }, 14],
  ['a promise of onEpochEnd', { onEpochEnd: async () => throws() }, 7],
])('an error in %s ends fit with it; the steps done are kept', async (_name, callback, steps) => {
  const model = referenceModel();
  const told: unknown[] = [];
  const other: Callback = { onTrainError: (error) => void told.push(error) };
  const error = await failure(model.fit(x, y, { ...SEVEN, epochs: 2, callbacks: [other, callback] }));
  expect(error).toBe(broken);
  expect(told).toEqual([broken]);
  expect((error as unknown as { history: History }).history.timing.steps).toBe(steps);
  expect(model.step).toBe(steps);
  expect((await model.readState()).step).toBe(steps);
  expect((await model.fit(x, y, SEVEN)).stopped).toBe('finished');
});

test('a callback may use the model: predict, evaluate, weights', async () => {
  const model = referenceModel();
  let best: Awaited<ReturnType<typeof model.getWeights>> = [];
  const callbacks: Callback[] = [
    {
      async onEpochEnd(epoch, logs, t) {
        // Evaluation sees the weights that the epoch has reached.
        if (epoch === 0) best = await t.model.getWeights();
        expect((await model.evaluate(x, y)).loss).toBeLessThan(logs.loss + 1);
        expect((await model.predict(x)).shape).toEqual([50, 3]);
      },
      onTrainEnd: (_logs, t) => t.model.setWeights(best),
    },
  ];
  await model.fit(x, y, { ...SEVEN, epochs: 2, callbacks });
  expect(best.length).toBe(4);
  expect(await model.getWeights()).toEqual(best);
});

test('rates of a schedule by step reach the session in whole spans; the last one stays', async () => {
  const spans: number[][] = [];
  const { backend } = spyBackend((session) => {
    const { run } = session;
    session.run = (span, listen) => {
      spans.push(Array.from(span.learningRates));
      return run.call(session, span, listen);
    };
    return session;
  });
  const model = referenceModel(classifier(), SPARSE, backend);
  await model.fit(x, y, {
    ...SEVEN,
    epochs: 2,
    callbacks: [learningRateScheduler((step) => 0.5 ** (step + 1), { by: 'step' })],
  });
  const rates = Array.from({ length: 14 }, (_, step) => 0.5 ** (step + 1));
  expect(spans).toEqual([rates.slice(0, 7), rates.slice(7)]);
  expect(model.learningRate).toBe(rates[13]);
  const error = await failure(
    model.fit(x, y, { ...SEVEN, callbacks: [learningRateScheduler(() => Number.NaN, { by: 'step' })] }),
  );
  expect([error.code, error.message]).toEqual(['ERR_ARG', expect.stringContaining('learningRateAt')]);
});

test('a function alone is one of the epoch and its rate, as in Keras; a ready schedule one of the step', async () => {
  const ratesOf = async (scheduler: Callback) => {
    const { history } = await referenceModel().fit(x, y, { ...SEVEN, epochs: 3, callbacks: [scheduler] });
    return history.learningRate;
  };
  const halved = learningRateScheduler((epoch, rate) => (epoch < 1 ? 0.5 : rate / 2));
  expect(await ratesOf(halved)).toEqual([0.5, 0.25, 0.125]);
  const stair = schedules.step({ rate: 1, every: 7, factor: 0.5 });
  expect(await ratesOf(learningRateScheduler(stair))).toEqual([1, 0.5, 0.25]);
  // As in Keras: the rate before it is reduced, and none where nothing sets it.
  const plateau = reduceOnPlateau({ monitor: 'loss', patience: 1, minDelta: 99, factor: 0.5 });
  expect(await ratesOf(plateau)).toEqual([0.001, 0.001, 0.0005]);
  expect(await ratesOf({})).toBeUndefined();
});

test('a schedule and what would set another rate are refused together', async () => {
  const both = [
    learningRateScheduler(schedules.cosine({ rate: 1, steps: 9 })),
    reduceOnPlateau({ monitor: 'loss' }),
  ];
  const error = await failure(referenceModel().fit(x, y, { ...SEVEN, callbacks: both }));
  expect([error.code, error.message]).toEqual([
    'ERR_ARG',
    expect.stringContaining('callbacks[1] would set another'),
  ]);
});

test('logs are frozen: what is added is said, not lost', async () => {
  const add = { onEpochEnd: (_: number, logs: Logs) => void Object.assign(logs, { f1: 0.5 }) };
  await expect(referenceModel().fit(x, y, { ...SEVEN, callbacks: [add] })).rejects.toThrow(/not extensible/);
});

test("Keras' stopTraining says how to stop here", async () => {
  const model = referenceModel();
  const stop = { onEpochEnd: () => void Object.assign(model, { stopTraining: true }) };
  const error = await failure(model.fit(x, y, { ...SEVEN, epochs: 2, callbacks: [stop] }));
  expect([error.code, error.message]).toEqual(['ERR_ARG', expect.stringContaining("context's stop()")]);
});
