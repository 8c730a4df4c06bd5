/** Early stopping, plateau and schedules decide as Keras does: test/support/keras/decisions.json is what Keras decided. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Session } from '../../../src/backend/contract';
import type { Callback } from '../../../src/train/callbacks';
import { earlyStopping } from '../../../src/train/early-stopping';
import { learningRateScheduler } from '../../../src/train/learning-rate';
import { reduceOnPlateau } from '../../../src/train/reduce-on-plateau';
import { schedules } from '../../../src/train/schedules';
import { figure } from '../../support/figures';
import { classifier, labelled, referenceModel, spyBackend } from '../../support/models';

const KERAS = JSON.parse(
  readFileSync(resolve(__dirname, '../../support/keras/decisions.json'), 'utf8'),
) as Decisions;

interface Decisions {
  earlyStopping: { options: object; losses: number[]; epochs: number; bestEpoch: number }[];
  plateau: { options: object; losses: number[]; rates: number[] }[];
  schedules: {
    byEpoch: number[];
    bySteps: { name: keyof typeof schedules; options: never; steps: number[]; rates: number[] }[];
  };
}

const { x, y } = labelled(8);
const RATE = 0.1;

/** A model whose validation losses are these, one an epoch. */
function scripted(losses: readonly number[]) {
  let epoch = 0;
  const { backend } = spyBackend((session): Session => {
    const { evaluate } = session;
    session.evaluate = async (...args) => ({
      ...(await evaluate.apply(session, args)),
      loss: losses[epoch++],
    });
    return session;
  });
  const optimizer = { kind: 'sgd', learningRate: RATE, momentum: 0, nesterov: false } as const;
  return referenceModel(classifier(), { optimizer, loss: 'sparseCategoricalCrossentropy' }, backend);
}

/** What fit did, the rate after each epoch, and the weights after each. */
async function train(losses: readonly number[], callback: Callback) {
  const model = scripted(losses);
  const rates: number[] = [];
  const weights: unknown[] = [];
  const watch: Callback = {
    last: true,
    onEpochEnd: async (_epoch, _logs, context) => {
      rates.push(Math.fround(context.learningRate));
      weights.push((await model.readState()).weights);
    },
  };
  const options = { epochs: losses.length, batchSize: 4, seed: 1, verbose: 0, validationSplit: 0.5 } as const;
  const history = await model.fit(x, y, { ...options, callbacks: [callback, watch] });
  return { history, rates, weights, final: (await model.readState()).weights };
}

test('early stopping ends after the same epoch, and goes back to the same one', async () => {
  for (const { options, losses, epochs, bestEpoch } of KERAS.earlyStopping) {
    const callback = earlyStopping({ ...options, restoreBestWeights: true });
    const { history, weights, final } = await train(losses, callback);
    expect([options, history.epoch.length]).toEqual([options, epochs]);
    // Keras calls the first epoch that it looks at the best where there is no better one.
    if (callback.bestEpoch !== undefined) expect([options, callback.bestEpoch]).toEqual([options, bestEpoch]);
    expect(final).toEqual(weights[bestEpoch] ?? weights.at(-1));
  }
  figure(
    'epochs decided as Keras does',
    KERAS.earlyStopping.reduce((sum, { epochs }) => sum + epochs, 0),
  );
});

test('a plateau lowers the rate after the same epochs', async () => {
  for (const { options, losses, rates: keras } of KERAS.plateau) {
    const { rates } = await train(losses, reduceOnPlateau(options));
    expect(rates).toHaveLength(keras.length);
    // Keras keeps the rate as float32 between two reductions.
    rates.forEach((rate, epoch) => {
      expect([options, epoch, Math.abs(rate / keras[epoch] - 1) < 1e-6]).toEqual([options, epoch, true]);
    });
  }
  figure(
    'epochs decided as Keras does',
    KERAS.plateau.reduce((sum, { rates }) => sum + rates.length, 0),
  );
});

test('schedules give the same rates, by step and by epoch', async () => {
  for (const { name, options, steps, rates } of KERAS.schedules.bySteps) {
    const schedule = schedules[name](options);
    // float32 there, where a cosine near 0 has lost digits.
    steps.forEach((step, i) => {
      expect(Math.abs(schedule(step) - rates[i])).toBeLessThan(1e-6 * RATE);
    });
  }
  const keras = KERAS.schedules.byEpoch;
  const decay = (epoch: number, rate: number) => (epoch ? rate * 0.9 : rate);
  const { rates } = await train(keras, learningRateScheduler(decay, { by: 'epoch' }));
  rates.forEach((rate, epoch) => {
    expect(rate / keras[epoch]).toBeCloseTo(1, 6);
  });
});
