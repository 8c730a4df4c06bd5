/** The reference session against mathematics: gradients by central differences, and what must not pass. */
import {
  type LayerPlan,
  type LossPlan,
  type OutputActivation,
  parametersOf,
  type TrainPlan,
} from '../../src/backend/contract';
import { relativeL2 } from '../support/compare';
import {
  ACTIVATIONS,
  APART,
  activation,
  batchNormalization,
  dense,
  LOSSES,
  OPTIMIZERS,
  planOf,
  randomExamples,
  randomState,
} from '../support/plans';
import { referenceBackend } from '../support/reference';
import { backward, erf, matrix } from '../support/reference/layers';
import { batchOf, forwardAll, lossAndGradients } from '../support/reference/network';

const EPSILON = 1e-5;
const TOLERANCE = 1e-5;
const KINDS = Object.keys(LOSSES) as LossPlan['kind'][];
const training = { seed: 11, step: 4 };

const STACKS: Record<string, LayerPlan[]> = {
  ...Object.fromEntries(
    ACTIVATIONS.map((activation) => [`dense ${activation}`, [dense(5, 4, activation), dense(4, 3)]]),
  ),
  ...Object.fromEntries(
    APART.map((kind) => [`${kind} layer`, [dense(5, 4), activation(4, kind), dense(4, 3)]]),
  ),
  'dense without bias': [dense(5, 4, 'tanh', false), dense(4, 3, 'linear', false)],
  'softmax layer': [
    dense(5, 4),
    { kind: 'activation', name: 's', width: 4, activation: 'softmax' },
    dense(4, 3),
  ],
  'rescaling in the middle': [
    dense(5, 4),
    { kind: 'rescaling', name: 'r', width: 4, scale: 0.5, offset: 1 },
    dense(4, 3),
  ],
  dropout: [
    dense(5, 4, 'sigmoid'),
    { kind: 'dropout', name: 'd', width: 4, rate: 0.4, stream: 1 },
    dense(4, 3),
  ],
  'batch normalisation': [batchNormalization(5), dense(5, 4, 'tanh'), batchNormalization(4), dense(4, 3)],
  'batch normalisation of two channels': [
    dense(5, 4),
    batchNormalization(4, { channels: 2, scale: false }),
    dense(4, 3, 'tanh'),
  ],
  'batch normalisation by moving averages': [
    dense(5, 4),
    { ...batchNormalization(4), trainable: false },
    dense(4, 3, 'tanh'),
  ],
};

function problem(layers: LayerPlan[], loss: LossPlan['kind'], output?: OutputActivation) {
  const plan = planOf(layers, loss, OPTIMIZERS.sgd, output ? { output } : {});
  const examples = { ...randomExamples(plan, 6), weights: Float32Array.of(1, 0.5, 2, 0, 1.5, 1) };
  const parameters = randomState(plan).weights.map((w) => Float64Array.from(w));
  return { plan, parameters, batch: batchOf(plan, examples, [0, 1, 2, 3, 4, 5]) };
}

function numericGradients({ plan, parameters, batch }: ReturnType<typeof problem>): Float64Array[] {
  const loss = () => lossAndGradients(plan, parameters, batch, training).loss;
  return parameters.map((w) =>
    w.map((value, i) => {
      w[i] = value + EPSILON;
      const above = loss();
      w[i] = value - EPSILON;
      const below = loss();
      w[i] = value;
      return (above - below) / (2 * EPSILON);
    }),
  );
}

describe('gradients equal central differences', () => {
  for (const [name, layers] of Object.entries(STACKS)) {
    test.each(KINDS)(`${name}, %s`, (loss) => {
      const given = problem(layers, loss);
      const { gradients } = lossAndGradients(given.plan, given.parameters, given.batch, training);
      const numeric = numericGradients(given);
      const trained = parametersOf(given.plan);
      for (const [p, g] of gradients.entries())
        if (trained[p].trainable) expect(relativeL2(g, numeric[p])).toBeLessThan(TOLERANCE);
        else expect(g.every((value) => value === 0)).toBe(true);
    });
  }

  const outputs: OutputActivation[] = [...ACTIVATIONS, 'softmax'];
  for (const loss of ['meanSquaredError', 'meanAbsoluteError'] as const) {
    test.each(outputs)(`${loss} through output %s`, (output) => {
      const given = problem(STACKS['dense tanh'], loss, output);
      const { gradients } = lossAndGradients(given.plan, given.parameters, given.batch, training);
      const numeric = numericGradients(given);
      for (const [p, g] of gradients.entries()) expect(relativeL2(g, numeric[p])).toBeLessThan(TOLERANCE);
    });
  }
});

describe('negative controls: a wrong gradient is told from a right one', () => {
  const given = problem([dense(4, 4, 'relu'), dense(4, 4)], 'categoricalCrossentropy');
  const { gradients } = lossAndGradients(given.plan, given.parameters, given.batch, training);
  const numeric = numericGradients(given);
  const [kernel, bias] = gradients;

  test('the right one passes', () => expect(relativeL2(kernel, numeric[0])).toBeLessThan(TOLERANCE));

  const wrong: Record<string, Float64Array> = {
    'sign flip of one element': kernel.map((g, i) => (i === 5 ? -g : g)),
    'missing 1/n': kernel.map((g) => g * given.batch.x.rows),
    transposed: kernel.map((_, i) => kernel[(i % 4) * 4 + Math.floor(i / 4)]),
    'stale tail': kernel.map((g, i) => (i === kernel.length - 1 ? 0 : g)),
  };
  test.each(Object.keys(wrong))('%s', (name) => {
    expect(relativeL2(wrong[name], numeric[0])).toBeGreaterThan(100 * TOLERANCE);
  });

  test('mask from the wrong side', () => {
    const [layer] = given.plan.layers;
    const { passes } = forwardAll(given.plan, given.parameters, given.batch.x, training);
    const dy = matrix(6, 4, () => 1);
    const [right] = backward(layer, given.parameters, passes[0], dy, training).parameters;
    const [wrong] = backward(
      layer,
      given.parameters,
      { ...passes[0], z: passes[0].x },
      dy,
      training,
    ).parameters;
    expect(relativeL2(wrong, right)).toBeGreaterThan(100 * TOLERANCE);
  });

  test('a length that differs, or NaN, is never the same', () => {
    expect(relativeL2(bias.subarray(1), bias)).toBeNaN();
    expect(relativeL2([Number.NaN], [1])).toBeNaN();
  });
});

describe('formulas', () => {
  test('erf, from tables', () => {
    expect(erf(0)).toBe(0);
    expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 15);
    expect(erf(-1)).toBeCloseTo(-0.8427007929497149, 15);
    expect(erf(3)).toBeCloseTo(0.9999779095030014, 15);
  });

  /** One weight 1, x = 1, target 0, mean squared error: the gradient is 2·w. */
  async function oneWeight(optimizer: TrainPlan['optimizer'], rates: number[]): Promise<number[]> {
    const plan = planOf([dense(1, 1, 'linear', false)], 'meanSquaredError', optimizer);
    const state = randomState(plan);
    state.weights[0][0] = 1;
    const session = await referenceBackend.createSession(plan, state);
    const data = await session.upload({ rows: 1, x: Float32Array.of(1), y: Float32Array.of(0) });
    const weights: number[] = [];
    for (const [firstStep, rate] of rates.entries()) {
      const learningRates = Float32Array.of(rate);
      await session.run({ data, order: Uint32Array.of(0), batchSize: 1, firstStep, learningRates });
      weights.push((await session.readState()).weights[0][0]);
    }
    return weights;
  }

  // Worked by hand: g = 2, then 2·w₁, with rate 0.25 (exact in float32).
  test.each([
    ['sgd', OPTIMIZERS.sgd, [0.5, 0.25]],
    ['momentum', { kind: 'sgd', momentum: 0.5, nesterov: false }, [0.5, 0]],
    ['nesterov', { kind: 'sgd', momentum: 0.5, nesterov: true }, [0.25, -0.0625]],
    [
      'adam',
      { kind: 'adam', beta1: 0.5, beta2: 0.75, epsilon: 0 },
      [0.75, 0.75 - 0.25 * secondAdamRatio(0.75)],
    ],
    ['adamw', { kind: 'adamw', beta1: 0.5, beta2: 0.75, epsilon: 0, weightDecay: 0.5 }, [0.625]],
    ['rmsprop', { kind: 'rmsprop', rho: 0.75, epsilon: 0 }, [0.5]],
  ] as const)('%s by hand', async (_, optimizer, expected) => {
    const weights = await oneWeight(
      optimizer,
      expected.map(() => 0.25),
    );
    for (const [i, w] of weights.entries()) expect(w).toBeCloseTo(expected[i], 6);
  });

  test('batch normalisation by hand: 1, 2 and 6 have the mean 3 and the variance 14/3', async () => {
    const layer = batchNormalization(1, { momentum: 0.75, epsilon: 1 / 3 });
    const plan = planOf([layer], 'meanSquaredError', OPTIMIZERS.sgd, { metrics: [] });
    const state = { step: 0, weights: [[2], [1], [7], [2]].map((w) => Float32Array.from(w)), slots: [] };
    const session = await referenceBackend.createSession(plan, state);
    expect((await session.predict(Float32Array.of(7, 7 + Math.sqrt(7 / 3))))[1]).toBeCloseTo(3, 6);
    const data = await session.upload({
      rows: 3,
      x: Float32Array.of(1, 2, 6),
      y: Float32Array.of(0, 0, 0),
    });
    const learningRates = Float32Array.of(0);
    const span = { data, order: Uint32Array.of(0, 1, 2), batchSize: 3, firstStep: 0, learningRates };
    const { losses } = await session.run(span);
    // √(14/3 + 1/3) = √5; y = 2·(−2, −1, 3)/√5 + 1: the mean of squares is 4·14/3/5 + 1.
    expect(losses[0]).toBeCloseTo(56 / 15 + 1, 6);
    const after = (await session.readState()).weights.map(([value]) => value);
    expect(after.slice(0, 3)).toEqual([2, 1, 7 * 0.75 + 3 * 0.25]);
    expect(after[3]).toBeCloseTo(2 * 0.75 + (14 / 3) * 0.25, 6);
  });

  /** m̂/√v̂ of Adam's second step for β₁ 0.5, β₂ 0.75 after gradients 2 and 2·w. */
  function secondAdamRatio(w: number): number {
    const m = 0.5 * (0.5 * 2) + 0.5 * 2 * w;
    const v = 0.75 * (0.25 * 4) + 0.25 * (2 * w) ** 2;
    return m / (1 - 0.5 ** 2) / Math.sqrt(v / (1 - 0.75 ** 2));
  }
});
