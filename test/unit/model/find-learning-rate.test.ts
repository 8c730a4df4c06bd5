import { findLearningRate, steepest } from '../../../src/model/find-learning-rate';
import { layers } from '../../../src/model/layers';
import { optimizers } from '../../../src/model/optimizers';
import { uniform } from '../../../src/random';
import { failure, labelled, referenceModel } from '../../support/models';

/** A line to be learnt: with one weight the loss is a parabola, and a rate beyond 1/x² makes it diverge. */
const linear = () =>
  referenceModel([layers.dense(1, { inputShape: [1], useBias: false })], {
    optimizer: optimizers.sgd({ learningRate: 0.5 }),
    loss: 'mse',
    seed: 3,
  });
const x = Array.from({ length: 64 }, () => [2]);
const y = Array.from({ length: 64 }, () => [10]);

test('it ends where training diverges, and suggests a rate below that', async () => {
  const model = linear();
  const [state, rate] = [await model.readState(), model.learningRate];
  const found = await findLearningRate(model, x, y, { seed: 1, steps: 100, batchSize: 8 });
  // The gradient is 2·4·w: from 1/4 on every step goes further than it came.
  const last = found.rates.at(-1)!;
  expect(found.rates.length).toBeLessThan(100);
  expect(last).toBeGreaterThan(0.25);
  expect(found.suggestion).toBeGreaterThan(1e-4);
  expect(found.suggestion).toBeLessThan(0.25);
  found.rates.forEach((each, step) => {
    expect(each).toBeCloseTo(1e-6 * 1e7 ** (step / 99), 12);
  });
  expect(found.losses).toHaveLength(found.rates.length);
  expect([await model.readState(), model.learningRate]).toEqual([state, rate]);
});

test('options are checked', async () => {
  const { x: rows } = labelled(4);
  for (const options of [{ from: 0 }, { from: 1, to: 0.5 }, { steps: 1 }, { rates: 3 }])
    expect((await failure(findLearningRate(linear(), rows, y, options as never))).code).toBe('ERR_ARG');
});

/** As training gives it: flat, a fall about a rate of 5e-3, and noise, in an exponential mean. */
function noisy(seed: number, fall: number) {
  const rates = Array.from({ length: 200 }, (_, step) => 1e-6 * 1e7 ** (step / 199));
  const noise = uniform(200, 0.3, seed, 0);
  let mean = 0;
  const losses = rates.map((rate, step) => {
    const loss = 2 - fall / (1 + (5e-3 / rate) ** 2) + noise[step];
    mean = 0.9 * mean + 0.1 * loss;
    return mean / (1 - 0.9 ** (step + 1));
  });
  return { rates, losses };
}

test('noise is no slope: the rate suggested is where the loss falls', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const suggestion = steepest(noisy(seed, 1.5))!;
    expect(suggestion).toBeGreaterThan(5e-4);
    expect(suggestion).toBeLessThan(0.05);
  }
});
