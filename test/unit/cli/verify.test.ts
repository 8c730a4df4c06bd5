import type { LayerPlan } from '../../../src/backend/contract';
import { differences, weightTolerance, within } from '../../../src/cli/verify/parity';
import { partingOf } from '../../../src/cli/verify/parting';
import { roundingOf } from '../../../src/cli/verify/rounding';
import { takenAway } from '../../../src/cli/verify/taken-away';
import type { Trace } from '../../../src/cli/verify/trace-files';
import type { TracePlan, Tracer } from '../../../src/cli/verify/tracers';
import { means, wayOf } from '../../../src/cli/ways';
import { batchNormalization, dense } from '../../support/plans';

const shapes = new Map([['dense/kernel', [2, 3]]]);
const initial = Float32Array.of(1, 2, 3, 4, 5, 6);

test('what a batch normalisation takes away is not determined', () => {
  const named = (layer: LayerPlan, name: string): LayerPlan => ({ ...layer, name });
  const relu: LayerPlan = { kind: 'activation', name: 'relu', width: 2, activation: 'relu' };
  const found = (...layers: LayerPlan[]) => [...takenAway({ layers })];
  const [a, b, n, m] = [
    named(dense(2, 2), 'a'),
    named(dense(2, 2), 'b'),
    named(batchNormalization(2), 'n'),
    named(batchNormalization(2), 'm'),
  ];
  expect(found(a, n, relu, b)).toEqual(['a/bias', 'n/movingMean']);
  expect(found(a, relu, n, b)).toEqual([]);
  expect(found(named(dense(2, 2, 'tanh'), 'a'), n)).toEqual([]);
  expect(found(a, b, n)).toEqual(['a/bias', 'b/bias', 'n/movingMean']);
  expect(found(named(dense(2, 2, 'linear', false), 'a'), n, m)).toEqual(['n/beta', 'm/movingMean']);
  expect(found(a, { ...n, trainable: false } as LayerPlan, b)).toEqual([]);
  expect(found({ ...a, trainable: false } as LayerPlan, n)).toEqual([]);
});

/** A training whose weights are `apart` from those of others, relative, from step `from` on. */
function tracer(from: number, apart: number, asked: number[][] = []): Tracer {
  return {
    name: 'made up',
    trace: async ({ snapshots }: TracePlan): Promise<Trace> => {
      asked.push([...snapshots]);
      const weights = (step: number) => initial.map((w) => w * (step >= from && step > 0 ? 1 + apart : 1));
      const values = [0, ...snapshots].map(
        (step) => [step, new Map([['dense/kernel', weights(step)]])] as const,
      );
      return {
        ranOn: '',
        losses: new Array(100).fill(1),
        initialLoss: 1,
        snapshots: new Map(values),
        epochLoss: null,
        slots: new Map(),
        unrepeated: null,
        rounding: new Map(),
      };
    },
  };
}

async function traced(maker: Tracer) {
  const plan = { snapshots: [1, 10, 100], epoch: false };
  return { tracer: maker, trace: (await maker.trace(plan, new AbortController().signal)) as Trace };
}

const parting = async (made: Tracer) =>
  partingOf(await traced(made), await traced(tracer(1, 0)), shapes, new AbortController().signal);

test.each([1, 2, 7, 10, 11, 63, 100])(
  'the first step that parts is found between snapshots: %i',
  async (step) => {
    const asked: number[][] = [];
    expect(await parting(tracer(step, 1e-3, asked))).toMatchObject({ step, tensor: 'dense/kernel' });
    // Trained again only where the snapshots do not tell.
    expect(asked).toHaveLength(step === 1 ? 1 : 2);
  },
);

test('what is within the tolerances does not part, and NaN always does', async () => {
  expect(await parting(tracer(1, 0.9e-6))).toBeNull();
  expect(await parting(tracer(1, 1.2e-6))).toMatchObject({ step: 1 });
  // 5e-6 is too much until step 5, where so much is allowed.
  expect(await parting(tracer(4, 5e-6))).toBeNull();
  expect(await parting(tracer(10, Number.NaN))).toMatchObject({ step: 10 });
  const [a, b] = [await traced(tracer(1, Number.NaN)), await traced(tracer(1, 0))];
  expect(within(differences(a.trace, b.trace))).toBe(false);
});

test('tolerances are the contract’s', () => {
  expect([1, 100, 101].map(weightTolerance)).toEqual([1e-6, 1e-4, Number.POSITIVE_INFINITY]);
});

test('ways to run', () => {
  expect(wayOf('native:fused@cuda:1', '')).toMatchObject({
    backend: 'native',
    kernels: 'fused',
    device: 'cuda:1',
  });
  expect(wayOf('tfjs:node-gpu', '')).toMatchObject({
    backend: 'tfjs',
    tfjsEngine: 'node-gpu',
    kernels: 'auto',
  });
  expect(() => wayOf('tfjs:fused', '--backends')).toThrow('must be native');
  expect(
    ['native', 'native:fused', 'native:fused@cuda:1', 'native:framework', 'tfjs'].map((w) =>
      means(w, wayOf('native:fused@cuda:1', '')),
    ),
  ).toEqual([true, true, true, false, false]);
});

describe('rounding of the first gradient', () => {
  const adam = { kind: 'adam' as const, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
  // One gradient of Adam's own size of epsilon, 3e-6, among greater ones: a bias, which begins at zero.
  const gradient = Float64Array.of(1e-2, -3e-3, 2e-6, 5e-3);
  const stepped = (g: Float64Array, { beta1, beta2, epsilon } = adam): Trace => {
    const update = (x: number) => (-1e-3 * x) / (Math.abs(x) + epsilon / Math.sqrt(1 - beta2));
    const snapshots = new Map([
      [0, new Map([['dense/bias', new Float32Array(g.length)]])],
      [1, new Map([['dense/bias', Float32Array.from(g, update)]])],
    ]);
    const slots = new Map([['m of dense/bias', Float32Array.from(g, (x) => (1 - beta1) * x)]]);
    const rounding = roundingOf({ snapshots, slots }, adam);
    const losses = [1];
    return {
      ranOn: '',
      losses,
      initialLoss: 1,
      snapshots,
      epochLoss: null,
      slots,
      unrepeated: null,
      rounding,
    };
  };

  test('what rounding changes where a gradient is about epsilon is allowed, another gradient or formula is not', () => {
    const told = stepped(gradient);
    const apart = (other: Trace) => differences(other, told).weights['1'];
    const rounded = stepped(gradient.map((x) => x + 4 * 2 ** -24 * 1e-2));
    expect(apart(rounded).difference).toBeGreaterThan(weightTolerance(1));
    expect(within(differences(rounded, told))).toBe(true);
    expect(apart(rounded).tolerance).toBeLessThan(1e-3);
    for (const other of [
      stepped(gradient.map((x) => 1.01 * x)),
      stepped(gradient, { ...adam, epsilon: 1.1e-7 }),
      stepped(gradient.map((x) => -x)),
      // Did not train at all: nothing is explained of what did not move.
      stepped(gradient.map(() => 0)),
    ])
      expect(within(differences(other, told))).toBe(false);
  });

  test('who does not say its gradients is held to those of the other', () => {
    const told = stepped(gradient);
    const rounded = {
      ...stepped(gradient.map((x) => x + 2 ** -22 * 1e-2)),
      rounding: new Map<string, number>(),
    };
    expect(within(differences(rounded, told))).toBe(true);
    expect(within(differences(rounded, { ...told, rounding: new Map() }))).toBe(false);
  });

  test('other optimisers divide by nothing so small', () => {
    const { snapshots, slots } = stepped(gradient);
    expect(roundingOf({ snapshots, slots }, { kind: 'sgd', momentum: 0, nesterov: false }).size).toBe(0);
  });
});
