import { join } from 'node:path';
import type { Backend, Session } from '../../../src/backend/contract';
import { losable } from '../../../src/backend/device-loss';
import { selectSimulated } from '../../../src/backend/simulated';
import type { Model } from '../../../src/model/model';
import { modelCheckpoint } from '../../../src/runs/model-checkpoint';
import { stack, untimed, x, y } from '../../support/checkpoints';
import { figure } from '../../support/figures';
import { failure, referenceModel, SPARSE, spyBackend } from '../../support/models';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
/** 14 steps an epoch. */
const SHORT = { verbose: 0, batchSize: 3, validationSplit: 0.2, epochs: 2, seed: 5 } as const;
const STEPS = 28;

async function simulated(faults: string, backend: Backend, device: 'cuda:1' | 'cpu' = 'cuda:1') {
  const selection = await selectSimulated(faults, async () => ({ backend, steppedDown: [] }), { device });
  return selection.backend;
}

const train = (model: Model, more = {}) => model.fit(x, y, { ...SHORT, ...more });

describe.each([
  ['every:4steps', 4],
  ['every:1', 14],
])('a device lost at each step, checkpoints %s', (save, interval) => {
  test('the CPU goes on in the same history, bit for bit, and repeats no more than that', async () => {
    const whole = referenceModel(stack());
    const all = untimed(await train(whole));
    const state = await whole.readState();
    for (let step = 0; step < STEPS; step++) {
      const folder = join(root, `${interval}-${step}`);
      const callbacks = [modelCheckpoint(folder, { save })];
      const gpu = await simulated(`device-lost@step:${step}`, spyBackend().backend);
      const error = await failure(train(referenceModel(stack(), SPARSE, gpu), { callbacks }));
      expect(error).toMatchObject({ code: 'ERR_DEVICE_LOST', details: { device: 'cuda:1 (simulated)' } });
      const began: number[] = [];
      const look = { onTrainBegin: (context: { step: number }) => void began.push(context.step) };
      const model = referenceModel(stack());
      const resume = step < interval ? undefined : folder;
      expect(untimed(await train(model, { resume, callbacks: [look] }))).toEqual(all);
      expect(await model.readState()).toEqual(state);
      expect(step - began[0]).toBeLessThanOrEqual(interval);
    }
    figure('device losses recovered from, in process', STEPS);
  });
});

test('what is lost is not touched again', async () => {
  const touched: string[] = [];
  const spy = (session: Session): Session =>
    new Proxy(session, {
      get: (target, name: keyof Session) => {
        const value = target[name];
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          touched.push(name);
          return (value as (...args: unknown[]) => unknown).apply(target, args);
        };
      },
    });
  const { backend } = spyBackend(spy);
  const model = referenceModel(stack(), SPARSE, await simulated('device-lost@step:3', backend));
  await failure(train(model));
  touched.length = 0;
  for (const work of [() => train(model), () => model.getWeights(), () => model.predict(x)])
    expect(await failure(work())).toMatchObject({ code: 'ERR_DEVICE_LOST' });
  await model.dispose();
  expect(touched).toEqual([]);
});

test('out of memory is an error that the session survives', async () => {
  const model = referenceModel(stack(), SPARSE, await simulated('oom@step:3', spyBackend().backend));
  expect(await failure(train(model))).toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
  await train(model, { epochs: 1 });
  await model.dispose();
});

test('the libraries’ own words for it', async () => {
  for (const [words, code] of [
    ['CUDA out of memory. Tried to allocate 2.00 GiB', 'ERR_OUT_OF_MEMORY'],
    ['OOM when allocating tensor with shape[4096,4096]', 'ERR_OUT_OF_MEMORY'],
    ['CUDA error: an illegal memory access was encountered', 'ERR_DEVICE_LOST'],
    ['failed to synchronize: CUDA_ERROR_LAUNCH_FAILED', 'ERR_DEVICE_LOST'],
    ['something else', undefined],
  ]) {
    const fails = (session: Session) =>
      Object.assign(session, { run: () => Promise.reject(new Error(words)) });
    const model = referenceModel(stack(), SPARSE, losable(spyBackend(fails).backend));
    expect((await failure(train(model))).code).toBe(code);
    await model.dispose();
  }
});

test('the CPU is the real one; a device that is gone cannot be had; other faults are refused', async () => {
  const { backend } = spyBackend();
  expect(await simulated('device-lost@step:0', backend, 'cpu')).toBe(backend);
  expect(await failure(simulated('gone', backend))).toMatchObject({ code: 'ERR_BACKEND_UNAVAILABLE' });
  for (const faults of ['lost@step:1', 'kill', 'kill@step:-1', 'kill@step:1,x'])
    expect(await failure(simulated(faults, backend))).toMatchObject({ code: 'ERR_ARG' });
});
