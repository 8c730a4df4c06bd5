import { getEventListeners } from 'node:events';
import type { Callback } from '../../../src/train/callbacks';
import type { History } from '../../../src/train/history';
import { failure, labelled, referenceModel } from '../../support/models';

const { x, y } = labelled(50);
const SEVEN = { verbose: 0, batchSize: 8, epochs: 3 } as const;

const historyOf = (error: Error) => (error as unknown as { history: History }).history;

test('before: nothing is done', async () => {
  const model = referenceModel();
  const error = await failure(model.fit(x, y, { ...SEVEN, signal: AbortSignal.abort() }));
  expect(error.name).toBe('AbortError');
  expect(model.step).toBe(0);
  expect((await failure(model.evaluate(x, y, { signal: AbortSignal.abort() }))).name).toBe('AbortError');
});

test('during a span: the step at hand is finished, its weights are kept, the model goes on', async () => {
  const controller = new AbortController();
  const model = referenceModel();
  const callbacks: Callback[] = [{ onProgress: ({ batch }) => batch === 3 && controller.abort() }];
  const error = await failure(model.fit(x, y, { ...SEVEN, callbacks, signal: controller.signal }));
  expect(error.name).toBe('AbortError');
  expect(model.step).toBe(3);
  expect(historyOf(error)).toMatchObject({ epoch: [], stopped: 'aborted', timing: { steps: 3 } });
  // The same three steps, not aborted.
  const other = referenceModel();
  const stop: Callback[] = [{ everyBatches: 3, onBatchEnd: (_b, _l, t) => t.stop() }];
  await other.fit(x, y, { ...SEVEN, callbacks: stop });
  expect(await model.readState()).toEqual(await other.readState());
  expect((await model.fit(x, y, SEVEN)).stopped).toBe('finished');
});

test('in a callback, twice, with a reason of one’s own', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const model = referenceModel();
  const abort = () => {
    controller.abort(reason);
    controller.abort(new Error('again'));
  };
  const callbacks = [{ onEpochEnd: abort }];
  const error = await failure(model.fit(x, y, { ...SEVEN, callbacks, signal: controller.signal }));
  expect(error).toBe(reason);
  expect(historyOf(error)).toMatchObject({ epoch: [0], stopped: 'aborted' });
});

test('a reason that is no error becomes an AbortError', async () => {
  const error = await failure(referenceModel().fit(x, y, { ...SEVEN, signal: AbortSignal.abort('tired') }));
  expect([error.name, error.message, error.cause]).toEqual(['AbortError', 'aborted: tired', 'tired']);
});

test('a frozen reason is passed on as it is', async () => {
  const reason = Object.freeze(new Error('frozen'));
  const controller = new AbortController();
  const callbacks = [{ onEpochBegin: () => controller.abort(reason) }];
  expect(await failure(referenceModel().fit(x, y, { ...SEVEN, callbacks, signal: controller.signal }))).toBe(
    reason,
  );
});

test.each([
  [undefined, 'This operation was aborted'],
  ['enough', 'aborted: enough'],
])('during validation, reason %p', async (reason, message) => {
  const controller = new AbortController();
  const model = referenceModel();
  // The event loop turns between evaluated batches: the timer comes while they run.
  const callbacks: Callback[] = [
    { everyBatches: 6, onBatchEnd: () => void setImmediate(() => controller.abort(reason)) },
  ];
  const run = model.fit(x, y, {
    ...SEVEN,
    batchSize: 1,
    epochs: 1,
    validationData: [labelled(500).x, labelled(500).y],
    callbacks: [{ everyBatches: 50, onBatchEnd: callbacks[0].onBatchEnd }],
    signal: controller.signal,
  });
  const error = await failure(run);
  expect([error.name, error.message]).toEqual(['AbortError', message]);
  expect(historyOf(error).epoch).toEqual([]);
  expect(model.step).toBe(50);
  const again = new AbortController();
  const evaluated = failure(model.evaluate(x, y, { batchSize: 1, signal: again.signal }));
  setImmediate(() => again.abort(reason));
  expect((await evaluated).message).toBe(message);
});

test('after: nothing happens, and no listener is left on the signal', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const model = referenceModel();
  let during = 0;
  const onEpochEnd = () => {
    during = getEventListeners(signal, 'abort').length;
  };
  const history = await model.fit(x, y, { ...SEVEN, signal, callbacks: [{ onEpochEnd }] });
  expect(during).toBe(1);
  expect(getEventListeners(signal, 'abort').length).toBe(0);
  controller.abort();
  expect(history.stopped).toBe('finished');
  expect((await model.predict(x)).shape).toEqual([50, 3]);
});
