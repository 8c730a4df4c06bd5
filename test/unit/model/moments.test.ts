/** What is asked of a model while it trains, and what its callbacks give back late. */
import { type ArrayLike, layers, type Model } from '../../../src/index';
import { failure, labelled, referenceModel, SPARSE, spyBackend } from '../../support/models';

const { x, y } = labelled(40);
const SILENT = { verbose: 0, batchSize: 4 } as const;
const classifier = () => [layers.dense(3, { activation: 'softmax', inputShape: [5] })];

test('a predict in many parts is by the weights of one moment, also during a fit', async () => {
  const model = referenceModel(classifier());
  const equal = { data: new Float32Array(60 * 5).fill(0.5), shape: [60, 5] };
  const seen: number[] = [];
  let asked: Promise<unknown> = Promise.resolve();
  await model.fit(x, y, {
    ...SILENT,
    epochs: 3,
    callbacks: [
      {
        everyBatches: 1,
        onBatchEnd(batch) {
          if (batch === 2)
            asked = model.predict(equal, { batchSize: 2 }).then(({ data }) => {
              seen.push(new Set(Array.from({ length: 60 }, (_, row) => data[row * 3])).size);
            });
        },
      },
    ],
  });
  await asked;
  expect(seen).toEqual([1, 1, 1]);
});

test.each(['predict', 'evaluate'] as const)('%s of rows that are taken away meanwhile', async (name) => {
  const model = referenceModel(classifier());
  const taken = { data: new Float32Array(40 * 5).fill(0.5), shape: [40, 5] } satisfies ArrayLike;
  const call = name === 'predict' ? model.predict(taken, { batchSize: 2 }) : model.evaluate(taken, y);
  structuredClone(taken.data.buffer, { transfer: [taken.data.buffer] });
  const error = await failure(call);
  expect([error.code, error.message]).toEqual([
    'ERR_ARG',
    expect.stringContaining(`was transferred, since the call · ${name}`),
  ]);
});

test.each([
  ['fit', 'labels', [40]],
  ['evaluate', 'labels', [40]],
  ['fit', 'values', [40, 3]],
] as const)('%s of %s that are taken away meanwhile', async (name, targets, shape) => {
  const values = targets === 'values';
  const loss = values ? 'meanSquaredError' : 'sparseCategoricalCrossentropy';
  const model = referenceModel(classifier(), { optimizer: 'sgd', loss });
  const data = values ? new Float32Array(120) : new Int32Array(40);
  const call = name === 'fit' ? model.fit(x, { data, shape }, SILENT) : model.evaluate(x, { data, shape });
  structuredClone(data.buffer, { transfer: [data.buffer] });
  const error = await failure(call);
  expect([error.code, error.message]).toEqual([
    'ERR_ARG',
    expect.stringContaining(`y has changed its size, or was transferred, since the call · ${name}`),
  ]);
});

describe('a source of rows that asks the model that it evaluates', () => {
  const asking = async (ask: (model: Model) => Promise<unknown>) => {
    const model = referenceModel(classifier());
    const evaluation = model.evaluate(async function* () {
      yield { x, y };
      await ask(model);
    });
    return { model, evaluation };
  };

  test.each<[string, (model: Model) => Promise<unknown>]>([
    ['setWeights', async (model) => model.setWeights(await model.getWeights())],
    ['fit', (model) => model.fit(x, y, SILENT)],
    [
      'predict, compiled anew',
      async (model) => {
        model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
        await model.predict(x);
      },
    ],
  ])('%s would wait for itself', async (_, ask) => {
    const { model, evaluation } = await asking(ask);
    expect(await failure(evaluation)).toMatchObject({
      code: 'ERR_STATE',
      message: expect.stringContaining('wait for its own end'),
    });
    // What it has begun goes on as usual later.
    await model.fit(x, y, SILENT);
  });

  test('predict, and a fit that begins when all is done', async () => {
    let later: Promise<unknown> = Promise.resolve();
    const { evaluation } = await asking(async (model) => {
      await model.predict(x);
      later = new Promise((done) => setTimeout(done, 100)).then(() => model.fit(x, y, SILENT));
    });
    await evaluation;
    expect(await later).toMatchObject({ epoch: [0] });
  });
});

test('a model is disposed where its scope ends', async () => {
  const model = referenceModel(classifier());
  await model.predict(x);
  await model[Symbol.asyncDispose]();
  expect(await failure(model.predict(x))).toMatchObject({ code: 'ERR_STATE' });
});

test.each(['onProgress', 'onTimeline', 'onNonFinite'] as const)(
  'an async %s that rejects ends fit with its error',
  async (moment) => {
    const { backend } = spyBackend((session) => {
      const { run } = session;
      session.run = async (span, listen) => {
        listen?.onProgress?.({ stepsDone: 1, loss: 1, metrics: [1] });
        const report = await run.call(session, span, { ...listen, onProgress: undefined });
        if (moment === 'onNonFinite') report.losses[report.losses.length - 1] = Number.NaN;
        return { ...report, timeline: {} as never };
      };
      return session;
    });
    const model = referenceModel(classifier(), SPARSE, backend);
    const callback = {
      timeline: true,
      everyBatches: 2,
      onBatchEnd: () => {},
      [moment]: async () => Promise.reject(new Error(moment)),
    };
    await expect(model.fit(x, y, { ...SILENT, callbacks: [callback] })).rejects.toThrow(new Error(moment));
  },
);

test('an async onNonFinite may stop the training', async () => {
  const { backend } = spyBackend((session) => {
    const { run } = session;
    session.run = async (span, listen) => ({ ...(await run.call(session, span, listen)), finite: false });
    return session;
  });
  const model = referenceModel(classifier(), SPARSE, backend);
  const { stopped } = await model.fit(x, y, {
    ...SILENT,
    callbacks: [
      {
        async onNonFinite(_loss, context) {
          await new Promise(setImmediate);
          context.stop();
        },
      },
    ],
  });
  expect(stopped).toBe('callback');
});

test('what is no whole signal is refused before it trains', async () => {
  const half = { aborted: false, addEventListener: () => {} } as never;
  expect((await failure(referenceModel(classifier()).fit(x, y, { ...SILENT, signal: half }))).code).toBe(
    'ERR_ARG',
  );
});
