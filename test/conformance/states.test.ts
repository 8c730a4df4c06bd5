/** Every method in every state a session can be in: fresh, running, after an abort, disposed. */
import type { Backend, Dataset, Session } from '../../src/backend/contract';
import { relativeL2, sameBits } from '../support/compare';
import { dense, planOf, randomExamples, randomState } from '../support/plans';
import { referenceBackend } from '../support/reference';
import { conformance, openBackend } from './target';
import { constantRates, ordered, TOLERANCE, within, withSession } from './training';

const plan = planOf([dense(17, 33, 'relu'), dense(33, 10)], 'sparseCategoricalCrossentropy');
const examples = randomExamples(plan, 320);
const STEPS = 10;

function spanOf(data: Dataset, steps = STEPS, firstStep = 0) {
  const order = ordered(32 * steps);
  return { data, order, batchSize: 32, firstStep, learningRates: constantRates(order, 32, 0.001) };
}

/** Each method, called validly, and what it gives. */
const METHODS: Record<string, (session: Session, data: Dataset) => Promise<ArrayLike<number>>> = {
  upload: async (session) => [(await session.upload(randomExamples(plan, 4))).rows],
  run: async (session, data) => (await session.run(spanOf(data, 2, STEPS))).losses,
  async evaluate(session, data) {
    const { loss, metrics } = await session.evaluate(data, { begin: 0, end: 50 }, 32);
    return [loss, ...metrics];
  },
  predict: (session) => session.predict(randomExamples(plan, 4).x),
  readState: async (session) => (await session.readState()).weights[0],
  async writeState(session) {
    await session.writeState(randomState(plan, 5));
    return (await session.readState()).weights[0];
  },
};
const NAMES = Object.keys(METHODS);

function withData<T>(
  use: (session: Session, data: Dataset) => Promise<T>,
  backend: Promise<Backend> = openBackend(),
): Promise<T> {
  return backend.then((opened) =>
    withSession(opened, plan, randomState(plan), async (session) =>
      use(session, await session.upload(examples)),
    ),
  );
}

conformance('each method', () => {
  test.each(NAMES)('%s on a fresh session', async (name) => {
    const given = await withData(METHODS[name]);
    const expected = await withData(METHODS[name], Promise.resolve(referenceBackend));
    within(name, relativeL2(Float32Array.from(given), Float32Array.from(expected)), TOLERANCE.loss);
  });

  test.each(NAMES)('%s during a span waits for its end', (name) =>
    withData(async (session, data) => {
      const done: string[] = [];
      const running = session.run(spanOf(data)).then((report) => {
        done.push('run');
        return report;
      });
      await METHODS[name](session, data).then(() => done.push(name));
      expect((await running).stepsDone).toBe(STEPS);
      // An upload changes nothing that others see: it need not wait.
      if (name !== 'upload') expect(done).toEqual(['run', name]);
    }),
  );

  test.each(NAMES)('%s after an abort', (name) =>
    withData(async (session, data) => {
      const fresh = await withData(METHODS[name]);
      const { stepsDone } = await session.run(spanOf(data), { signal: AbortSignal.abort() });
      expect(stepsDone).toBe(0);
      expect(Array.from(await METHODS[name](session, data))).toEqual(Array.from(fresh));
    }),
  );

  test.each(NAMES)('%s after dispose rejects', (name) =>
    withData(async (session, data) => {
      await session.dispose();
      await expect(METHODS[name](session, data)).rejects.toMatchObject({ code: 'ERR_STATE' });
    }),
  );

  test('dispose: in any state, any number of times', () =>
    withData(async (session, data) => {
      const running = session.run(spanOf(data));
      const disposals = [session.dispose(), session.dispose()];
      await Promise.all([running, ...disposals]);
      await session.dispose();
      data.dispose();
    }));
});

conformance('calls made at once', () => {
  test('run in the order they were made', () =>
    withData(async (session, data) => {
      const results = await Promise.all([
        session.run(spanOf(data, 3)),
        session.readState(),
        session.run(spanOf(data, 2, 3)),
        session.readState(),
        session.writeState(randomState(plan)),
        session.readState(),
      ]);
      expect([results[1].step, results[3].step, results[5].step]).toEqual([3, 5, 0]);
    }));

  test('one that fails does not stop the next', () =>
    withData(async (session, data) => {
      const gone = await session.upload(examples);
      gone.dispose();
      const failing = session.run(spanOf(gone));
      const following = session.run(spanOf(data));
      await expect(failing).rejects.toMatchObject({ code: 'ERR_STATE' });
      expect((await following).stepsDone).toBe(STEPS);
    }));
});

conformance('data', () => {
  test('disposed: run and evaluate reject, the session lives on', () =>
    withData(async (session, data) => {
      data.dispose();
      data.dispose();
      await expect(session.run(spanOf(data))).rejects.toMatchObject({ code: 'ERR_STATE' });
      await expect(session.evaluate(data, { begin: 0, end: 5 }, 5)).rejects.toMatchObject({
        code: 'ERR_STATE',
      });
      const again = await session.upload(examples);
      expect((await session.run(spanOf(again))).stepsDone).toBe(STEPS);
    }));

  test('disposed while a span uses it: the span ends as it began', () =>
    withData(async (session, data) => {
      const running = session.run(spanOf(data));
      // The span may not have begun yet; then it may as well reject.
      data.dispose();
      const outcome = await running.then(({ stepsDone }) => stepsDone).catch((error) => error.code);
      expect([STEPS, 'ERR_STATE']).toContain(outcome);
      await session.readState();
    }));

  test('of another session is refused', () =>
    withData(async (_, data) =>
      withData(async (session) => {
        await expect(session.run(spanOf(data))).rejects.toMatchObject({ code: 'ERR_STATE' });
      }),
    ));

  test('knows its rows', () =>
    withData(async (_, data) => {
      expect(data.rows).toBe(320);
    }));
});

conformance('state', () => {
  test('is read as it was written', () =>
    withData(async (session) => {
      const state = randomState(plan, 77);
      state.step = 123_456_789_012;
      state.slots[0][0].fill(0.25);
      state.slots[1][3].fill(0.5);
      await session.writeState(state);
      const read = await session.readState();
      expect(read.step).toBe(state.step);
      const flat = ({ weights, slots }: typeof state) => [...weights, ...slots.flat()];
      for (const [i, values] of flat(state).entries()) expect(sameBits(flat(read)[i], values)).toBe(true);
    }));

  test('is a copy, both ways', () =>
    withData(async (session) => {
      const written = randomState(plan, 8);
      const expected = written.weights[0][0];
      const writing = session.writeState(written);
      written.weights[0].fill(9);
      await writing;
      const read = await session.readState();
      expect(read.weights[0][0]).toBe(expected);
      read.weights[0].fill(9);
      expect((await session.readState()).weights[0][0]).toBe(expected);
    }));

  test('has slots only where the optimiser has', async () => {
    const none = planOf(plan.layers, plan.loss.kind, { kind: 'sgd', momentum: 0, nesterov: false });
    await withSession(await openBackend(), none, randomState(none), async (session) => {
      expect((await session.readState()).slots).toEqual([]);
    });
  });
});

conformance('description', () => {
  test('says what runs', async () => {
    const backend = await openBackend();
    expect(backend.unsupported(plan)).toBeNull();
    await withData(async ({ description }) => {
      expect(description.kernels).toMatch(/\w/);
      expect(description.isa).toMatch(/\w/);
      expect(description.threads).toBeGreaterThanOrEqual(1);
    });
    expect(backend.deviceName).toMatch(/\w/);
  });
});
