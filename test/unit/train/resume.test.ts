import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ArrayLike, ndarray } from '../../../src/data/ndarray';
import { layers } from '../../../src/model/layers';
import { optimizers } from '../../../src/model/optimizers';
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/runs/checkpoint-file';
import { loadCheckpoint } from '../../../src/runs/checkpoint-folder';
import { modelCheckpoint } from '../../../src/runs/model-checkpoint';
import type { Callback, TrainingContext } from '../../../src/train/callbacks';
import type { Checkpoint } from '../../../src/train/checkpoint';
import { earlyStopping } from '../../../src/train/early-stopping';
import { learningRateScheduler } from '../../../src/train/learning-rate';
import type { FitOptions } from '../../../src/train/options';
import { reduceOnPlateau } from '../../../src/train/reduce-on-plateau';
import { terminateOnNaN } from '../../../src/train/terminate-on-nan';
import { FIVE, modelWith, stack, untimed, x, y } from '../../support/checkpoints';
import { failure, labelled, referenceModel, SPARSE } from '../../support/models';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
let folders = 0;
const fresh = () => join(root, String(folders++));

function bytesOf(parts: Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

/** Checkpoints after every step and every epoch of a training, through their files' bytes. */
function collector(into: Checkpoint[]): Callback {
  const take = async (context: TrainingContext) => {
    into.push(decodeCheckpoint(bytesOf(encodeCheckpoint(await context.checkpoint())), 'memory'));
  };
  return {
    last: true,
    everySteps: 1,
    onTrainBegin: take,
    onSpanEnd: take,
    onEpochEnd: (_epoch, _logs, context) => take(context),
  };
}

describe.each([
  ['adam', optimizers.adam()],
  ['sgd with momentum', optimizers.sgd({ momentum: 0.9 })],
  ['rmsprop', optimizers.rmsprop()],
  ['adam, an update for three steps', optimizers.adam({ gradientAccumulationSteps: 3, clipNorm: 1 })],
])('%s', (_name, optimizer) => {
  test('from every step on, a resumed training is the uninterrupted one, bit for bit', async () => {
    const compile = { ...SPARSE, optimizer };
    const whole = modelWith(compile);
    const checkpoints: Checkpoint[] = [];
    // A rate that changes within and after epochs, to be restored with the rest.
    const schedule: Callback = {
      everySteps: 4,
      onSpanEnd: (t) => {
        if (t.step % 4 === 0) t.learningRate = 0.01 / (1 + t.step);
      },
      onEpochEnd: (_e, _l, t) => {
        t.learningRate *= 0.5;
      },
    };
    const train = (model: ReturnType<typeof modelWith>, more: FitOptions) =>
      model.fit(x, y, { ...FIVE, ...more });
    const all = await train(whole, { callbacks: [collector(checkpoints), schedule] });
    const state = await whole.readState();
    const places = checkpoints.map(({ epoch, batch, state: { step } }) => [epoch, batch, step]);
    expect(places.length).toBe(1 + 15 + 3);
    expect(places.slice(0, 8)).toEqual([
      [0, 0, 0],
      [0, 1, 1],
      [0, 2, 2],
      [0, 3, 3],
      [0, 4, 4],
      [0, 5, 5],
      [1, 0, 5],
      [1, 1, 6],
    ]);
    for (const resume of checkpoints) {
      const model = modelWith(compile);
      const history = await train(model, { resume, callbacks: [schedule] });
      expect(untimed(history)).toEqual(untimed(all));
      expect(history.seconds.length).toBe(3);
      expect(history.timing.steps).toBe(15);
      expect(await model.readState()).toEqual(state);
      expect(model.learningRate).toBe(whole.learningRate);
    }
  });
});

test('options that are not given are the checkpoint’s; more epochs go on', async () => {
  const folder = fresh();
  await modelWith().fit(x, y, { ...FIVE, epochs: 2, callbacks: [modelCheckpoint(folder)] });
  const resumed = modelWith();
  await resumed.fit(x, y, { verbose: 0, validationSplit: 0.2, epochs: 4, resume: folder });
  const whole = modelWith();
  await whole.fit(x, y, { ...FIVE, epochs: 4 });
  expect(await resumed.readState()).toEqual(await whole.readState());
  const done = await modelWith().fit(x, y, { verbose: 0, validationSplit: 0.2, resume: folder });
  expect(done.epoch).toEqual([0, 1]);
});

test('what does not fit is refused, named, and the model stays as it is', async () => {
  const folder = fresh();
  await modelWith().fit(x, y, { ...FIVE, epochs: 2, callbacks: [modelCheckpoint(folder)] });
  const other = labelled(50, 2);
  const cases: [ReturnType<typeof modelWith>, FitOptions, RegExp, ArrayLike?][] = [
    [modelWith(), { batchSize: 8 }, /batchSize is 8, it was 9/],
    [modelWith(), { seed: 6 }, /seed is 6, it was 5/],
    [modelWith(), { shuffle: false }, /shuffle is false, it was true/],
    [modelWith(), { validationSplit: 0.3 }, /trainRows is 35, it was 40/],
    [modelWith(), {}, /the data, its weights or what validates is not the same/, other.x],
    [modelWith(), { classWeight: { 1: 3 } }, /classWeight is {"1":3}, it was not/],
    [modelWith({ ...SPARSE, optimizer: 'sgd' }), {}, /optimizer is \{"kind":"sgd".*it was \{"kind":"adam"/],
    [modelWith({ ...SPARSE, metrics: [] }), {}, /metrics is \[\], it was/],
    [referenceModel(), {}, /layer 0 is \{"kind":"dense".*"outputs":4.*it was.*"outputs":6/],
    [referenceModel([...stack().slice(0, 2), layers.dense(8), stack()[2]]), {}, /layer 2 is/],
  ];
  for (const [model, options, message, data = x] of cases) {
    const before = await model.readState();
    const error = await failure(model.fit(data, y, { ...FIVE, ...options, resume: folder }));
    expect(error).toMatchObject({ code: 'ERR_CKPT_MISMATCH', message: expect.stringMatching(message) });
    expect(await model.readState()).toEqual(before);
    expect(model.step).toBe(0);
  }
  for (const [options, message] of [
    [{ epochs: 1 }, /at least 2/],
    [{ initialEpoch: 1 }, /left out/],
    [{ resume: 7 as never }, /resume/],
  ] as [FitOptions, RegExp][]) {
    const error = await failure(modelWith().fit(x, y, { ...FIVE, resume: folder, ...options }));
    expect(error).toMatchObject({ code: 'ERR_ARG', message: expect.stringMatching(message) });
  }
  const missing = await failure(modelWith().fit(x, y, { ...FIVE, resume: join(root, 'nowhere') }));
  expect(missing).toMatchObject({ code: 'ERR_FILE_FORMAT', details: { rule: 'missing' } });
});

test('an abort leaves a checkpoint of the step it ended with; from there it goes on', async () => {
  const whole = modelWith();
  const all = await whole.fit(x, y, FIVE);
  const folder = fresh();
  for (const [when, callback] of [
    ['in a span', (abort: () => void): Callback => ({ onProgress: ({ batch }) => batch === 3 && abort() })],
    ['in a callback', (abort: () => void): Callback => ({ onEpochEnd: abort })],
    [
      'before validation',
      (abort: () => void): Callback => ({ onBatchEnd: (batch) => void (batch === 4 && abort()) }),
    ],
  ] as const) {
    const target = join(folder, when);
    const controller = new AbortController();
    const callbacks = [modelCheckpoint(target, { save: 'none' }), callback(() => controller.abort())];
    await failure(modelWith().fit(x, y, { ...FIVE, callbacks, signal: controller.signal }));
    expect(readdirSync(target)).toHaveLength(1);
    const model = modelWith();
    expect(untimed(await model.fit(x, y, { ...FIVE, resume: target }))).toEqual(untimed(all));
    expect(await model.readState()).toEqual(await whole.readState());
  }
});

test('a loss that is not finite leaves the last finite checkpoint in place', async () => {
  const folder = fresh();
  const blowUp: Callback = {
    onEpochEnd: (epoch, _l, t) => {
      if (epoch === 1) t.learningRate = 3e38;
    },
  };
  const callbacks = [modelCheckpoint(folder, { save: 'every:1steps', keep: 1 }), blowUp];
  const sgd = { ...SPARSE, optimizer: optimizers.sgd({ learningRate: 0.1 }) };
  const error = await failure(modelWith(sgd).fit(x, y, { ...FIVE, callbacks }));
  expect(error).toMatchObject({ code: 'ERR_NONFINITE_LOSS' });
  const { state } = await loadCheckpoint(folder);
  expect(state.step).toBeGreaterThanOrEqual(10);
  for (const values of state.weights) expect(values.every(Number.isFinite)).toBe(true);
});

test('early stopping, plateau and schedule go on where they stood, with the best weights so far', async () => {
  // Rates that make it better, then worse: the best epoch is in the middle.
  const made = () => ({
    // Has weights of its own, and never an end.
    other: earlyStopping({ monitor: 'accuracy', patience: 99, startFromEpoch: 2, restoreBestWeights: true }),
    stop: earlyStopping({ patience: 2, restoreBestWeights: true }),
    reduce: reduceOnPlateau({ patience: 1, factor: 0.5 }),
    rate: learningRateScheduler((epoch, rate) => (epoch === 0 ? 0.05 : epoch === 3 ? 2 : rate)),
  });
  const LONG = { ...FIVE, epochs: 12 };
  const whole = modelWith();
  const checkpoints: Checkpoint[] = [];
  const first = made();
  const all = await whole.fit(x, y, {
    ...LONG,
    callbacks: [...Object.values(first), collector(checkpoints)],
  });
  expect(all.stopped).toBe('callback');
  expect(first.stop.bestEpoch).toBeLessThan(first.stop.stoppedEpoch!);
  const state = await whole.readState();
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  // Also from that of the epoch at whose end it was decided: there is nothing left to do.
  for (const checkpoint of checkpoints) {
    const model = modelWith();
    const again = made();
    const history = await model.fit(x, y, {
      ...LONG,
      resume: checkpoint,
      callbacks: Object.values(again),
    });
    expect(untimed(history)).toEqual(untimed(all));
    expect([again.stop.bestEpoch, again.stop.stoppedEpoch]).toEqual([
      first.stop.bestEpoch,
      first.stop.stoppedEpoch,
    ]);
    expect(await model.readState()).toEqual(state);
  }
  expect(warned.mock.calls.at(-1)).toEqual([
    expect.stringMatching(/^earlyStopping ended this training after epoch \d+: nothing is trained/),
  ]);
  warned.mockRestore();
});

test('the last checkpoint is of the last step, whatever weights come back after it', async () => {
  const [folder, steps] = [fresh(), fresh()];
  const stop = () => earlyStopping({ monitor: 'loss', mode: 'max', patience: 2, restoreBestWeights: true });
  const train = (into: string, save: string) =>
    modelWith().fit(x, y, { ...FIVE, epochs: 9, callbacks: [stop(), modelCheckpoint(into, { save })] });
  expect((await train(folder, 'every:100')).stopped).toBe('callback');
  await train(steps, 'every:1');
  expect((await loadCheckpoint(folder)).state).toEqual((await loadCheckpoint(steps)).state);
});

test('a rate of the epoch is not taken twice where training goes on from the beginning of one', async () => {
  const rate = () => learningRateScheduler((_, before) => before / 2);
  const checkpoints: Checkpoint[] = [];
  const pause: Callback = {
    onEpochBegin: (_, context) => context.pause(),
    onSpanEnd: async (context) => {
      if (context.batch === 0) checkpoints.push(await context.checkpoint());
    },
  };
  const all = await modelWith().fit(x, y, { ...FIVE, callbacks: [rate(), pause] });
  expect(checkpoints).toHaveLength(3);
  for (const resume of checkpoints) {
    const history = await modelWith().fit(x, y, { ...FIVE, resume, callbacks: [rate()] });
    expect(untimed(history)).toEqual(untimed(all));
  }
});

test('an epoch that has begun is one of those that training goes on to the end of', async () => {
  const checkpoints: Checkpoint[] = [];
  await modelWith().fit(x, y, { ...FIVE, callbacks: [collector(checkpoints)] });
  const inside = checkpoints.find(({ epoch, batch }) => epoch === 1 && batch === 2)!;
  const error = await failure(modelWith().fit(x, y, { ...FIVE, resume: inside, epochs: 1 }));
  expect([error.code, error.message]).toEqual(['ERR_ARG', expect.stringContaining('at least 2')]);
});

test('an epoch whose end not all have heard of is ended anew', async () => {
  const script = [3, 2, 1, 5, 5, 5, 5];
  const made = () => {
    const how = { monitor: 'f', mode: 'min' } as const;
    const stop = earlyStopping({ ...how, patience: 10, restoreBestWeights: true });
    const own: Callback = { logNames: ['f'], epochLogs: (epoch) => ({ f: script[epoch] }) };
    return { stop, callbacks: [own, reduceOnPlateau({ ...how, patience: 1, factor: 0.5 }), stop] };
  };
  const SIX = { ...FIVE, epochs: 6 };
  const whole = modelWith();
  const all = await whole.fit(x, y, { ...SIX, callbacks: made().callbacks });
  for (const at of [0, 2, 3]) {
    const folder = fresh();
    const ending = new AbortController();
    // As a fetch with the fit's signal does.
    const sender: Callback = {
      onEpochEnd: (epoch) => {
        if (epoch === at) ending.abort();
        ending.signal.throwIfAborted();
      },
    };
    const callbacks = [sender, ...made().callbacks, modelCheckpoint(folder)];
    await failure(modelWith().fit(x, y, { ...SIX, signal: ending.signal, callbacks }));
    const again = modelWith();
    const { stop, callbacks: others } = made();
    const history = await again.fit(x, y, { ...SIX, resume: folder, callbacks: others });
    expect(untimed(history)).toEqual(untimed(all));
    expect(stop.bestEpoch).toBe(2);
    expect(await again.readState()).toEqual(await whole.readState());
  }
});

test('who sets the rate when an epoch begins does not do so again in the middle of one', async () => {
  const decay = (): Callback => ({
    setsLearningRate: true,
    onEpochBegin: (_epoch, context) => {
      context.learningRate *= 0.5;
    },
  });
  const checkpoints: Checkpoint[] = [];
  const all = await modelWith().fit(x, y, { ...FIVE, callbacks: [decay(), collector(checkpoints)] });
  // At the very beginning it is called before the rate is part of a checkpoint.
  for (const resume of checkpoints) {
    const history = await modelWith().fit(x, y, { ...FIVE, resume, callbacks: [decay()] });
    expect(untimed(history)).toEqual(untimed(all));
  }
});

test('after a loss that was not finite nothing is saved, though all weights are', async () => {
  const folder = fresh();
  const rows = { x: ndarray(new Float32Array(64).fill(1), [64, 1]), y: new Float32Array(64) };
  rows.y[40] = 3e20;
  const model = referenceModel([layers.dense(1, { inputShape: [1], useBias: false })], {
    optimizer: optimizers.sgd({ learningRate: 1e-30 }),
    loss: 'mse',
    seed: 1,
  });
  const callbacks = [terminateOnNaN(), modelCheckpoint(folder, { save: 'every:1steps' })];
  const { stepLosses } = await model.fit(rows.x, rows.y, {
    epochs: 2,
    batchSize: 8,
    shuffle: false,
    verbose: 0,
    callbacks,
  });
  expect(stepLosses.at(-1)).toBe(Number.POSITIVE_INFINITY);
  const { weights } = await model.readState();
  expect(weights.flatMap((values) => [...values]).every(Number.isFinite)).toBe(true);
  expect(readdirSync(folder)).toEqual([4, 5].map((n) => `step-00000000${n}.safetensors`));
});
