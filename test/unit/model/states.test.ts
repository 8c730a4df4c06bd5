import type { FusorError } from '../../../src/errors';
import type { Model } from '../../../src/model/model';
import { initialWeights } from '../../../src/model/weights';
import { classifier, failure, labelled, referenceModel, SPARSE, spyBackend } from '../../support/models';

const { x, y } = labelled(20);
const SILENT = { verbose: 0, epochs: 1, batchSize: 8 } as const;

/** Every method in every state. */
const METHODS: Record<string, (model: Model) => unknown> = {
  compile: (model) => model.compile(SPARSE),
  fit: (model) => model.fit(x, y, SILENT),
  evaluate: (model) => model.evaluate(x, y),
  predict: (model) => model.predict(x),
  getWeights: (model) => model.getWeights(),
  setWeights: async (model) => model.setWeights(initialWeightsOf(model)),
  readState: (model) => model.readState(),
  runtime: (model) => model.runtime(),
  summary: (model) => model.summary(),
  toJSON: (model) => model.toJSON(),
  dispose: (model) => model.dispose(),
};
const initialWeightsOf = (model: Model) => {
  const shapes = [[5, 4], [4], [4, 3], [3]];
  return initialWeights(model.plan(), 1).map((data, p) => ({ data, shape: shapes[p] }));
};
const refusals: Record<string, string[]> = {
  uncompiled: ['fit', 'evaluate'],
  compiled: [],
  trained: [],
  fitting: ['compile', 'fit'],
  disposed: ['fit', 'evaluate', 'predict', 'getWeights', 'setWeights', 'readState', 'runtime'],
};

describe.each(Object.keys(refusals))('%s', (state) => {
  test.each(Object.keys(METHODS).filter((name) => !(state === 'fitting' && name === 'dispose')))(
    '%s',
    async (name) => {
      const model = referenceModel(classifier(), state === 'uncompiled' ? null : SPARSE);
      if (state === 'trained') await model.fit(x, y, SILENT);
      if (state === 'disposed') await model.dispose();
      const running = state === 'fitting' ? model.fit(x, y, { ...SILENT, epochs: 3 }) : undefined;
      let code = 'none';
      try {
        await METHODS[name](model);
      } catch (error) {
        code = (error as FusorError).code;
      }
      expect(code).toBe(refusals[state].includes(name) ? 'ERR_STATE' : 'none');
      if (running) expect((await running).epoch).toEqual([0, 1, 2]);
    },
  );
});

test('dispose ends a running fit and can be called again', async () => {
  const { backend, sessions } = spyBackend();
  const model = referenceModel(classifier(), SPARSE, backend);
  const fitting = failure(model.fit(x, y, { ...SILENT, epochs: 100_000 }));
  while (model.step < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  await Promise.all([model.dispose(), model.dispose()]);
  expect((await fitting).code).toBe('ERR_STATE');
  await model.dispose();
  expect((await failure(sessions[0].readState())).code).toBe('ERR_STATE');
});

test('dispose while the session is being made', async () => {
  const { backend, sessions } = spyBackend();
  const model = referenceModel(classifier(), SPARSE, backend);
  const predicting = model.predict(x).catch((error: FusorError) => error.code);
  await model.dispose();
  await predicting;
  for (const session of sessions) expect((await failure(session.readState())).code).toBe('ERR_STATE');
});
