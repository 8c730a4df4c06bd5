import type { Session, SessionState } from '../../../src/backend/contract';
import { FusorError } from '../../../src/errors';
import { initializers } from '../../../src/model/initializers';
import { layers } from '../../../src/model/layers';
import type { Model } from '../../../src/model/model';
import { optimizers } from '../../../src/model/optimizers';
import { modelFromJSON, sequential } from '../../../src/model/sequential';
import { initialWeights } from '../../../src/model/weights';
import type { Callback } from '../../../src/train/callbacks';
import { classifier, failure, labelled, referenceModel, SPARSE, spyBackend } from '../../support/models';
import { referenceBackend } from '../../support/reference';

const { x, y } = labelled(20);
const SILENT = { verbose: 0, epochs: 1, batchSize: 8 } as const;

test('weights come from the seed: of fit, else of compile; and are drawn once', async () => {
  const drawn = async (model: Model) => (await model.getWeights()).map(({ data }) => data);
  const plan = referenceModel().plan();
  expect(await drawn(referenceModel())).toEqual(initialWeights(plan, 7));

  const { backend, sessions } = spyBackend();
  const model = referenceModel(classifier(), { ...SPARSE, seed: undefined }, backend);
  // What it runs on can be asked before the seed is known.
  expect(await model.runtime()).toMatchObject({ backend: 'tfjs', engine: 'reference', steppedDown: [] });
  const states: SessionState[] = [];
  const onTrainBegin = async () => void states.push(await model.readState());
  await model.fit(x, y, { ...SILENT, seed: 3, callbacks: [{ onTrainBegin }] });
  expect(states[0].weights).toEqual(initialWeights(plan, 3));
  const trained = await drawn(model);
  await model.fit(x, y, { ...SILENT, seed: 4, callbacks: [{ onTrainBegin }] });
  expect(states[1].weights).toEqual(trained);
  expect(sessions.length).toBe(1);
});

test('a layer says what its weights begin with; a model of its configuration begins so, too', async () => {
  const model = sequential([
    layers.dense(4, { kernelInitializer: 'ones', inputShape: [3] }),
    layers.dense(1, { activation: 'sigmoid', biasInitializer: initializers.constant(-3) }),
  ]);
  for (const one of [model, modelFromJSON(model.toJSON())]) {
    one.compile({ optimizer: 'sgd', loss: 'binaryCrossentropy', backend: 'tfjs', tfjsEngine: 'cpu' });
    const [ones, zeros, , bias] = await one.getWeights();
    expect([...ones.data, ...zeros.data, ...bias.data]).toEqual([...new Array(12).fill(1), 0, 0, 0, 0, -3]);
  }
});

test('without any seed, weights drawn by predict stay', async () => {
  const model = referenceModel(classifier(), { ...SPARSE, seed: undefined });
  const before = await model.predict(x);
  expect(await model.predict(x)).toEqual(before);
  const [first] = await model.getWeights();
  expect((await model.getWeights())[0]).toEqual(first);
});

test('predict: rows of probabilities, whatever the batches, compiled or not', async () => {
  const model = referenceModel();
  const all = await model.predict(x);
  expect(all.shape).toEqual([20, 3]);
  for (let row = 0; row < 20; row++) {
    const sum = all.data.subarray(row * 3, row * 3 + 3).reduce((a, b) => a + b);
    expect(sum).toBeCloseTo(1, 5);
  }
  expect(await model.predict(x, { batchSize: 3 })).toEqual(all);
  const uncompiled = referenceModel(classifier(), null);
  await uncompiled.setWeights(await model.getWeights());
  expect(await uncompiled.predict(x)).toEqual(all);
});

test('evaluate gives loss and metrics by name, whatever the batches', async () => {
  const model = referenceModel();
  const { loss, accuracy } = await model.evaluate(x, y);
  const inSevens = await model.evaluate(x, y, { batchSize: 7 });
  expect(inSevens.loss).toBeCloseTo(loss, 10);
  expect(inSevens.accuracy).toBeCloseTo(accuracy, 10);
  const { data } = await model.predict(x);
  let expected = 0;
  for (let row = 0; row < 20; row++) expected -= Math.log(data[row * 3 + y.data[row]]) / 20;
  expect(loss).toBeCloseTo(expected, 5);
  const weighted = await model.evaluate(x, y, { sampleWeight: new Float32Array(20).fill(2) });
  expect(weighted.loss).toBeCloseTo(2 * loss, 5);
  expect(weighted.accuracy).toBeCloseTo(accuracy, 10);
});

test('setWeights keeps step and slots; readState and writeState carry all', async () => {
  const model = referenceModel();
  await model.fit(x, y, SILENT);
  const before = await model.readState();
  const weights = (await model.getWeights()).map(({ data, shape }) => ({
    data: data.map((w) => w / 2),
    shape,
  }));
  await model.setWeights(weights);
  const after = await model.readState();
  expect(after.weights).toEqual(weights.map(({ data }) => data));
  expect([after.step, after.slots]).toEqual([before.step, before.slots]);

  const other = referenceModel();
  await other.writeState(before);
  expect(other.step).toBe(3);
  await model.writeState(before);
  const [one, two] = await Promise.all(
    [model, other].map((m) => m.fit(x, y, { ...SILENT, initialEpoch: 1, epochs: 2 })),
  );
  expect(two.history).toEqual(one.history);
  expect(await other.readState()).toEqual(await model.readState());
});

test('weights are copies', async () => {
  const model = referenceModel();
  const [kernel] = await model.getWeights();
  kernel.data.fill(0);
  expect((await model.getWeights())[0].data.some((w) => w !== 0)).toBe(true);
  await model.predict(x);
  (await model.readState()).weights[0].fill(0);
  expect((await model.getWeights())[0].data.some((w) => w !== 0)).toBe(true);
});

test('setWeights refuses what does not fit, and nothing has changed', async () => {
  const model = referenceModel();
  const weights = await model.getWeights();
  const transposed = [{ data: weights[0].data, shape: [4, 5] }, ...weights.slice(1)];
  const error = await failure(model.setWeights(transposed));
  expect(error.code).toBe('ERR_SHAPE');
  expect(error.message).toBe('kernel has the shape [5,4], got [4,5] · setWeights, layer "dense"');
  expect((await failure(model.setWeights(weights.slice(1)))).code).toBe('ERR_SHAPE');
  const bad = weights.map(({ data, shape }) => ({ data: data.slice(), shape }));
  bad[3].data[2] = Number.POSITIVE_INFINITY;
  expect((await failure(model.setWeights(bad))).code).toBe('ERR_NONFINITE_WEIGHTS');
  expect(await model.getWeights()).toEqual(weights);
});

test('compile again: weights stay, the optimiser begins anew, as in Keras', async () => {
  const { backend, sessions } = spyBackend();
  const model = referenceModel(classifier(), SPARSE, backend);
  await model.fit(x, y, SILENT);
  const before = await model.readState();
  expect(before.step).toBe(3);
  model.compile({ ...SPARSE, optimizer: optimizers.adam({ learningRate: 0.5 }) });
  expect([model.learningRate, model.step]).toEqual([0.5, 0]);
  const after = await model.readState();
  expect(after.weights).toEqual(before.weights);
  expect(after.step).toBe(0);
  expect(after.slots.flat().every((slot) => slot.every((value) => value === 0))).toBe(true);
  expect(sessions.length).toBe(2);
  expect((await failure(sessions[0].readState())).code).toBe('ERR_STATE');
  model.compile({ ...SPARSE, optimizer: 'rmsprop' });
  expect((await model.readState()).slots.length).toBe(1);
});

test('each fold of a cross-validation begins as the first one did', async () => {
  const model = referenceModel(classifier(), { ...SPARSE, seed: 1 });
  const start = await model.getWeights();
  const folds: number[][] = [];
  for (let fold = 0; fold < 2; fold++) {
    await model.setWeights(start);
    model.compile({ ...SPARSE, optimizer: 'adam', seed: 1 });
    folds.push((await model.fit(x, y, { ...SILENT, epochs: 3 })).history.loss);
  }
  expect(folds[1]).toEqual(folds[0]);
});

test('what is written after compile stays: a checkpoint goes on', async () => {
  const model = referenceModel();
  await model.fit(x, y, SILENT);
  const state = await model.readState();
  model.compile(SPARSE);
  await model.writeState(state);
  expect(await model.readState()).toEqual(state);
  expect(model.step).toBe(3);
});

test('untouched: what was there comes back, and what was not is not there', async () => {
  const model = referenceModel();
  await model.untouched(async () => {
    await model.fit(x, y, { ...SILENT, seed: 7 });
    model.learningRate = 9;
  });
  expect(model.step).toBe(0);
  const alone = referenceModel();
  const [first, second] = [
    await model.fit(x, y, { ...SILENT, seed: 3 }),
    await alone.fit(x, y, { ...SILENT, seed: 3 }),
  ];
  expect(first.history).toEqual(second.history);
  const state = await model.readState();
  await model.untouched(() => model.fit(x, y, SILENT));
  expect(await model.readState()).toEqual(state);
});

test('another seed where something is dropped: a new session with the same state', async () => {
  const { backend, sessions } = spyBackend();
  const stack = [
    layers.dense(4, { inputShape: [5] }),
    layers.dropout(0.5),
    layers.dense(3, { activation: 'softmax' }),
  ];
  const model = referenceModel(stack, SPARSE, backend);
  await model.fit(x, y, { ...SILENT, seed: 1 });
  await model.fit(x, y, { ...SILENT, seed: 1 });
  expect(sessions.length).toBe(1);
  const before = await model.readState();
  const onTrainBegin = async () => expect(await model.readState()).toEqual(before);
  await model.fit(x, y, { ...SILENT, seed: 2, callbacks: [{ onTrainBegin }] });
  expect(sessions.length).toBe(2);
  expect(model.step).toBe(9);
});

test('an exchange of sessions waits for what still uses the old one', async () => {
  const model = referenceModel();
  const expected = await model.predict(x);
  // Twenty calls on the old session, the last of them long after the new one is asked for.
  const predicting = model.predict(x, { batchSize: 1 });
  model.compile({ ...SPARSE, optimizer: 'rmsprop' });
  const fitting = model.fit(x, y, SILENT);
  expect(await predicting).toEqual(expected);
  expect((await fitting).stopped).toBe('finished');
});

test('what the backend cannot run is said, and the model lives on', async () => {
  let able = false;
  const backend = { ...referenceBackend, unsupported: () => (able ? null : 'dense_1 is too wide for it') };
  const model = referenceModel(classifier(), SPARSE, backend);
  const weights = await model.getWeights();
  const error = await failure(model.predict(x));
  expect(error.code).toBe('ERR_UNSUPPORTED');
  expect(error.message).toContain('dense_1 is too wide for it');
  able = true;
  expect((await model.predict(x)).shape).toEqual([20, 3]);
  expect(await model.getWeights()).toEqual(weights);
});

test('a session that cannot be made leaves the state where it was', async () => {
  let fails = false;
  const backend = {
    ...referenceBackend,
    createSession: async (...made: Parameters<typeof referenceBackend.createSession>) => {
      if (fails) throw new FusorError('ERR_OUT_OF_MEMORY', ['no memory']);
      return referenceBackend.createSession(...made);
    },
  };
  const model = referenceModel(classifier(), SPARSE, backend);
  await model.fit(x, y, SILENT);
  const { weights } = await model.readState();
  model.compile({ ...SPARSE, optimizer: 'sgd' });
  fails = true;
  expect((await failure(model.predict(x))).code).toBe('ERR_OUT_OF_MEMORY');
  fails = false;
  expect((await model.readState()).weights).toEqual(weights);
});

test('a model equals the one of its JSON', async () => {
  const model = referenceModel();
  const onEpochEnd: Callback['onEpochEnd'] = (_epoch, _logs, t) => {
    t.learningRate = 0.25;
  };
  await model.fit(x, y, { ...SILENT, callbacks: [{ onEpochEnd }] });
  const json = JSON.parse(JSON.stringify(model));
  expect(json.compile.optimizer.learningRate).toBe(0.25);
  const copy = modelFromJSON(json);
  // To the letter: digests are made of it.
  expect(JSON.stringify(copy)).toBe(JSON.stringify(model));
  expect(copy.plan()).toEqual({ ...model.plan(), seed: 7 });
  expect(modelFromJSON(sequential(classifier(), { name: 'bare' }).toJSON()).toJSON()).toEqual({
    className: 'Sequential',
    name: 'bare',
    layers: [
      {
        className: 'Dense',
        config: { units: 4, activation: 'relu', useBias: true, name: 'dense', inputShape: [5] },
      },
      { className: 'Dense', config: { units: 3, activation: 'softmax', useBias: true, name: 'dense_1' } },
    ],
  });
});

test.each([
  ['nothing', undefined, 'ERR_FILE_FORMAT'],
  ['another class', { className: 'Functional', layers: [] }, 'ERR_FILE_FORMAT'],
  [
    'a Lambda',
    { className: 'Sequential', layers: [{ className: 'Lambda', config: {} }] },
    'ERR_LAYER_UNKNOWN',
  ],
  ['more keys', { className: 'Sequential', layers: [], code: '1' }, 'ERR_ARG'],
  ['a path for a name', { className: 'Sequential', name: '../x', layers: classifier() }, 'ERR_ARG'],
  ['a bad compile', { className: 'Sequential', layers: classifier(), compile: { loss: 'mse' } }, 'ERR_ARG'],
])('modelFromJSON refuses %s', async (_name, config, code) => {
  expect((await failure(() => modelFromJSON(config))).code).toBe(code);
});

test('a summary for people', () => {
  const text = sequential([layers.flatten({ inputShape: [28, 28] }), layers.dense(1500)], {
    name: 'mine',
  }).summary();
  const rule = '─'.repeat(43);
  expect(text.split('\n')).toEqual([
    'Model "mine"',
    rule,
    'Layer (type)       Output shape  Parameters',
    rule,
    'flatten (Flatten)  [rows, 784]            0',
    'dense (Dense)      [rows, 1500]   1,177,500',
    rule,
    'Parameters: 1,177,500 (4,710,000 bytes)',
  ]);
});

test('a base that is not trained, and a head that is', async () => {
  const base = referenceModel(
    [layers.dense(4, { activation: 'relu', inputShape: [5] }), layers.dropout(0.1)],
    {
      optimizer: 'sgd',
      loss: 'mse',
      seed: 1,
    },
  );
  const stack = [...base.toJSON().layers.map(layers.frozen), layers.dense(3, { activation: 'softmax' })];
  const model = referenceModel(stack, { ...SPARSE, optimizer: optimizers.adamw({ weightDecay: 0.1 }) });
  const [kernel, , ...head] = await model.getWeights();
  await model.setWeights([...(await base.getWeights()), ...head]);
  await model.fit(x, y, SILENT);
  const after = await model.getWeights();
  expect(after.slice(0, 2)).toEqual(await base.getWeights());
  expect(after[0]).not.toEqual(kernel);
  expect(after[2]).not.toEqual(head[0]);
  expect(model.summary().split('\n').slice(-2)).toEqual(['Parameters: 39 (156 bytes)', 'Trained: 15']);
});

test('weights that are set while a span runs take back none of its steps', async () => {
  // Reading takes a while, as it does in another thread.
  const slow = (session: Session): Session =>
    new Proxy(session, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          if (name === 'run') await new Promise((done) => setTimeout(done, 5));
          const result = await value.apply(target, args);
          if (name === 'readState') await new Promise((done) => setTimeout(done, 5));
          return result;
        };
      },
    });
  const { backend } = spyBackend(slow);
  const fifty = labelled(50);
  const model = referenceModel(classifier(), SPARSE, backend);
  const weights = await model.getWeights();
  const changes: Promise<void>[] = [];
  const begin = { onEpochBegin: () => void setTimeout(() => changes.push(model.setWeights(weights)), 1) };
  const { timing } = await model.fit(fifty.x, fifty.y, { ...SILENT, epochs: 4, callbacks: [begin] });
  await Promise.all(changes);
  expect([changes.length, timing.steps]).toEqual([4, 28]);
  expect([model.step, (await model.readState()).step]).toEqual([28, 28]);
});
