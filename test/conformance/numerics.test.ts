/** Numbers at the edges: great logits, NaN, gradients of zero, many steps. */
import type { LossPlan } from '../../src/backend/contract';
import { relativeL2, sameBits } from '../support/compare';
import {
  ACTIVATIONS,
  APART,
  activation,
  dense,
  isOfDense,
  OPTIMIZERS,
  planOf,
  randomExamples,
  randomState,
} from '../support/plans';
import { conformance, openBackend } from './target';
import { expectLikeReference, TOLERANCE, train, withSession } from './training';

conformance('great logits', () => {
  test.each(['sparseCategoricalCrossentropy', 'binaryCrossentropy'] as const)('±1e4, %s', async (loss) => {
    const plan = planOf([dense(2, 4, 'linear', false)], loss as LossPlan['kind'], OPTIMIZERS.sgd, {
      metrics: [],
    });
    const state = randomState(plan);
    state.weights[0].set([1e4, -1e4, 1e4, 0, 1, 2, 3, 4]);
    const x = Float32Array.of(1, 0, -1, 0, 1, 1);
    const y =
      plan.targets === 'labels'
        ? Int32Array.of(1, 0, 3)
        : Float32Array.of(0, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1);
    const run = { plan, state, examples: { rows: 3, x, y }, batchSize: 3 };
    const { report } = await expectLikeReference(await openBackend(), run);
    // Where probabilities are clipped, no loss is above 16.
    expect(report.losses[0]).toBeGreaterThan(1000);
  });

  test('predictions are 0 and 1, not NaN', async () => {
    const plan = planOf([dense(1, 3, 'linear', false)], 'sparseCategoricalCrossentropy');
    const state = randomState(plan);
    state.weights[0].set([1e4, 0, -1e4]);
    const backend = await openBackend();
    const p = await withSession(backend, plan, state, (session) => session.predict(Float32Array.of(1, -1)));
    expect(Array.from(p)).toEqual([1, 0, 0, 0, 0, 1]);
  });
});

conformance('NaN', () => {
  test.each([...ACTIVATIONS, ...APART])('%s passes it on, in its own row only', async (kind) => {
    for (const units of [1, 16, 33]) {
      const layers = isOfDense(kind) ? [dense(5, units, kind)] : [dense(5, units), activation(units, kind)];
      const plan = planOf([...layers, dense(units, 3)], 'meanSquaredError');
      const x = randomExamples(plan, 3).x as Float32Array;
      const backend = await openBackend();
      // JavaScript's own, and the one that x86 makes of 0 / 0: its sign is set.
      for (const bits of [0x7fc00000, 0xffc00000]) {
        new Uint32Array(x.buffer, x.byteOffset)[7] = bits;
        const p = await withSession(backend, plan, randomState(plan), (session) => session.predict(x));
        expect(Array.from(p, Number.isNaN)).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0].map(Boolean));
      }
    }
  });

  test('it reaches the loss', async () => {
    const plan = planOf([dense(5, 16, 'relu'), dense(16, 3)], 'sparseCategoricalCrossentropy');
    const examples = randomExamples(plan, 4);
    examples.x[examples.x.length - 1] = Number.NaN;
    const { report } = await train(await openBackend(), { plan, examples, batchSize: 2 });
    expect(report.stopped).toBe('finished');
    expect(report.losses[0]).not.toBeNaN();
    expect(report.losses[1]).toBeNaN();
  });

  test('relu of −0, ±∞', async () => {
    const plan = planOf([dense(1, 1, 'relu', false)], 'meanSquaredError');
    const state = randomState(plan);
    state.weights[0][0] = 1;
    const x = Float32Array.of(-0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 2);
    const p = await withSession(await openBackend(), plan, state, (session) => session.predict(x));
    expect(Array.from(p, (value) => value + 0)).toEqual([0, Number.POSITIVE_INFINITY, 0, 0, 2]);
  });
});

conformance('gradients of zero', () => {
  test.each(Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[])(
    'dead units, %s: no 0/0',
    async (name) => {
      const plan = planOf([dense(3, 4, 'relu'), dense(4, 3)], 'meanSquaredError', OPTIMIZERS[name]);
      const state = randomState(plan);
      state.weights[1].fill(-100);
      const { state: after } = await expectLikeReference(await openBackend(), {
        plan,
        state,
        examples: randomExamples(plan, 8),
        batchSize: 8,
      });
      if (name !== 'adamw') expect(sameBits(after.weights[0], state.weights[0])).toBe(true);
      for (const w of after.weights) expect(Array.from(w).every(Number.isFinite)).toBe(true);
    },
  );

  test('predictions that equal the targets', async () => {
    for (const loss of ['meanSquaredError', 'meanAbsoluteError'] as const) {
      const plan = planOf([dense(2, 2, 'linear', false)], loss, OPTIMIZERS.adam);
      const state = randomState(plan);
      state.weights[0].set([1, 0, 0, 1]);
      const x = Float32Array.of(1, 2, 3, 4);
      const run = { plan, state, examples: { rows: 2, x, y: x.slice() }, batchSize: 2 };
      const { report, state: after } = await expectLikeReference(await openBackend(), run);
      expect(report.losses[0]).toBe(0);
      expect(sameBits(after.weights[0], state.weights[0])).toBe(true);
    }
  });
});

conformance('clipping', () => {
  const clips = async (optimizer: keyof typeof OPTIMIZERS, clipNorm: number, steps = 1, scale = 1) => {
    const layers = [dense(17, 33, 'relu'), dense(33, 10)];
    const plan = planOf(layers, 'meanSquaredError', { ...OPTIMIZERS[optimizer], clipNorm });
    const backend = await openBackend();
    const examples = randomExamples(plan, 8 * steps);
    for (let i = 0; i < examples.y.length; i++) examples.y[i] *= scale;
    const run = { plan, examples, batchSize: 8 };
    const tolerance = steps > 1 ? TOLERANCE.trajectory : TOLERANCE.weights;
    const { state } = await expectLikeReference(backend, run, tolerance);
    const free = await train(backend, { ...run, plan: { ...plan, optimizer: OPTIMIZERS[optimizer] } });
    return relativeL2(state.weights[0], free.state.weights[0]);
  };

  test.each(Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[])('%s', async (name) => {
    expect(await clips(name, 0.01)).not.toBe(0);
    expect(await clips(name, 0.01, 100)).not.toBe(0);
  });

  test('gradients whose squares are beyond float32', async () => {
    expect((await clips('sgd', 1, 1, 1e25)) ?? 1).toBeGreaterThan(0.5);
  });

  test('where they are short enough, nothing is changed', async () => {
    expect((await clips('adam', 1e6)) ?? 0).toBeLessThan(1e-6);
  });
});

conformance('a loss that is not finite', () => {
  test('ends the span at its step', async () => {
    const plan = planOf([dense(5, 16, 'relu'), dense(16, 3)], 'sparseCategoricalCrossentropy');
    const examples = randomExamples(plan, 400);
    examples.x[5 * 41] = Number.NaN;
    const { report } = await train(await openBackend(), { plan, examples, batchSize: 4 });
    expect(report).toMatchObject({ stopped: 'aborted', stepsDone: 11 });
    expect(Array.from(report.losses, Number.isFinite)).toEqual([...new Array(10).fill(true), false]);
  });

  test('nor is one that float32 cannot hold', async () => {
    const plan = planOf([dense(5, 3)], 'meanSquaredError');
    const examples = randomExamples(plan, 400);
    examples.y[3 * 41] = 1e25;
    const { report } = await train(await openBackend(), { plan, examples, batchSize: 4 });
    expect(report).toMatchObject({ stopped: 'aborted', stepsDone: 11 });
    expect(report.losses[10]).toBe(Number.POSITIVE_INFINITY);
  });
});

conformance('many steps', () => {
  test.each([1e3, 1e6, 2 ** 31 + 1, 2 ** 40])("Adam's bias correction at step %d", async (step) => {
    const plan = planOf([dense(3, 4, 'relu'), dense(4, 3)], 'meanSquaredError');
    const state = { ...randomState(plan), step };
    const run = { plan, state, examples: randomExamples(plan, 8), batchSize: 4 };
    await expectLikeReference(await openBackend(), run);
  });

  test('the loss of a batch is a mean in more than float32', async () => {
    const plan = planOf([dense(1, 1, 'linear', false)], 'meanSquaredError', OPTIMIZERS.sgd);
    const rows = 20_000;
    const examples = { rows, x: new Float32Array(rows).fill(1), y: new Float32Array(rows).fill(0.1) };
    const state = randomState(plan);
    state.weights[0][0] = 1;
    const { loss } = await withSession(await openBackend(), plan, state, async (session) => {
      const data = await session.upload(examples);
      return session.evaluate(data, { begin: 0, end: rows }, 64);
    });
    expect(Math.abs(loss / 0.81 - 1)).toBeLessThan(1e-6);
  });
});
