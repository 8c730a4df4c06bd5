/** Calls on a model that are not awaited: each takes effect in its place. */
import { classifier, failure, labelled, referenceModel, SPARSE } from '../../support/models';

const { x, y } = labelled(20);
const SILENT = { verbose: 0, epochs: 1, batchSize: 8 } as const;
const ADAM = { ...SPARSE, optimizer: 'adam' } as const;
const SGD = { ...SPARSE, optimizer: 'sgd' } as const;

test('compile with another optimiser beside a predict: the fit after it begins anew', async () => {
  const model = referenceModel(classifier(), SGD);
  await model.fit(x, y, SILENT);
  const predicting = model.predict(x);
  model.compile(ADAM);
  await predicting;
  await model.fit(x, y, SILENT);
  expect([model.step, (await model.readState()).slots.length]).toEqual([3, 2]);
});

test('compile with another optimiser, then its state', async () => {
  const source = referenceModel(classifier(), ADAM);
  await source.fit(x, y, SILENT);
  const state = await source.readState();
  const model = referenceModel(classifier(), SGD);
  await model.fit(x, y, SILENT);
  model.compile(ADAM);
  await model.writeState(state);
  expect(await model.readState()).toEqual(state);
  await model.fit(x, y, SILENT);
  expect(model.step).toBe(6);
});

test('weights that are read or written beside a first predict are those of the model', async () => {
  const source = referenceModel();
  const state = await source.readState();
  const [reading, writing] = [referenceModel(), referenceModel()];
  await reading.writeState(state);
  const [, read] = await Promise.all([reading.predict(x), reading.readState()]);
  expect(read.weights).toEqual(state.weights);
  const predicting = writing.predict(x);
  await writing.writeState(state);
  await predicting;
  expect((await writing.readState()).weights).toEqual(state.weights);
});

test('each takes effect in its place', async () => {
  const model = referenceModel(classifier(), ADAM);
  const halves = (await model.getWeights()).map(({ data, shape }) => ({
    data: data.map(() => 0.5),
    shape,
  }));
  const setting = model.setWeights(halves);
  const read = await model.getWeights();
  expect(read.every(({ data }) => data.every((value) => value === 0.5))).toBe(true);
  await setting;
  await model.fit(x, y, SILENT);
  const again = model.setWeights(halves);
  model.compile(SGD);
  await again;
  expect(await model.getWeights()).toEqual(read);
});

test('what follows a fit draws no weights for it', async () => {
  const model = referenceModel(classifier(), SPARSE);
  const fitting = model.fit(x, y, { ...SILENT, seed: 5 });
  await model.predict(x);
  await fitting;
  const alone = referenceModel(classifier(), SPARSE);
  await alone.fit(x, y, { ...SILENT, seed: 5 });
  expect(await model.readState()).toEqual(await alone.readState());
});

test('an answer is of one state, however many parts it has', async () => {
  const model = referenceModel();
  const state = await model.readState();
  const expected = await model.predict(x);
  const predicting = model.predict(x, { batchSize: 1 });
  await model.writeState({ ...state, weights: state.weights.map((w) => w.map(() => 0)) });
  expect(await predicting).toEqual(expected);
  const before = await model.predict(x);
  const beside = model.predict(x, { batchSize: 1 });
  await model.fit(x, y, SILENT);
  expect(await beside).toEqual(before);
});

test('work that is to leave no trace shuts others out, and restores what was there', async () => {
  const model = referenceModel();
  const state = await referenceModel().readState();
  void model.writeState(state);
  const working = model.untouched(() => model.fit(x, y, { ...SILENT, epochs: 2 }));
  const others = [
    () => model.fit(x, y, SILENT),
    () => model.compile(SGD),
    () => model.setWeights([]),
    () => model.writeState(state),
    () => {
      model.learningRate = 9;
    },
  ];
  const refused = await Promise.all(others.map(async (other) => (await failure(async () => other())).code));
  expect(refused).toEqual(others.map(() => 'ERR_STATE'));
  await working;
  expect(await model.readState()).toEqual(state);
});

test('untouched beside a fit is refused, and the fit keeps what it has learnt', async () => {
  const model = referenceModel();
  const fitting = model.fit(x, y, { ...SILENT, epochs: 3 });
  expect((await failure(model.untouched(async () => {}))).code).toBe('ERR_STATE');
  await fitting;
  expect(model.step).toBe(9);
  const held = model.untouched(async () => void (await model.predict(x)));
  expect((await failure(model.untouched(async () => {}))).code).toBe('ERR_STATE');
  await held;
  expect(model.step).toBe(9);
});
