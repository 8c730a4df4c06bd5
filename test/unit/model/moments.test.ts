/** What is asked of a model while it trains, and what its callbacks give back late. */
import { type ArrayLike, layers } from '../../../src/index';
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
