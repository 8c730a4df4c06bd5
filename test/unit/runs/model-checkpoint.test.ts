import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockFolder } from '../../../src/files/lock';
import { findCheckpoint, listCheckpoints, loadCheckpoint } from '../../../src/runs/checkpoint-folder';
import { type ModelCheckpointOptions, modelCheckpoint } from '../../../src/runs/model-checkpoint';
import type { Callback } from '../../../src/train/callbacks';
import { terminateOnNaN } from '../../../src/train/terminate-on-nan';
import { FIVE, modelWith, stack, untimed, x, y } from '../../support/checkpoints';
import { failAt } from '../../support/faults';
import { figure } from '../../support/figures';
import { failure, referenceModel, SPARSE, spyBackend } from '../../support/models';
import { temporaryFolder } from '../../support/script';
import { testUnless } from '../../support/skip';

const root = temporaryFolder();
let folders = 0;
const fresh = () => join(root, String(folders++));
afterEach(() => jest.restoreAllMocks());

const train = (folder: string, options: ModelCheckpointOptions, more: Callback[] = [], model = modelWith()) =>
  model.fit(x, y, { ...FIVE, callbacks: [modelCheckpoint(folder, options), ...more] });
const names = (folder: string) => readdirSync(folder).sort();
const step = (n: number) => `step-${String(n).padStart(9, '0')}.safetensors`;

describe('when', () => {
  test.each<[save: string, kept: number[]]>([
    ['every:1', [5, 10, 15]],
    ['every:2', [10, 15]],
    ['every:4steps', [4, 8, 12, 15]],
    ['every:5steps', [5, 10, 15]],
    ['every:100steps', [15]],
    ['every:1h', [15]],
    ['every:2,every:7steps', [7, 10, 14, 15]],
    ['none', []],
  ])('%s', async (save, kept) => {
    const folder = fresh();
    await train(folder, { save, keep: 100 });
    expect(names(folder)).toEqual(kept.map(step));
  });

  test('keep: the last ones', async () => {
    const folder = fresh();
    await train(folder, { save: 'every:1steps' });
    expect(names(folder)).toEqual([14, 15].map(step));
  });

  test('best: the epoch with the smallest loss, or the greatest accuracy', async () => {
    const model = modelWith();
    const { history } = await model.fit(x, y, FIVE);
    for (const [options, best] of [
      [{}, history.valLoss.indexOf(Math.min(...history.valLoss))],
      [{ monitor: 'val_loss' }, history.valLoss.indexOf(Math.min(...history.valLoss))],
      [{ monitor: 'loss' }, history.loss.indexOf(Math.min(...history.loss))],
      [{ monitor: 'accuracy' }, history.accuracy.indexOf(Math.max(...history.accuracy))],
      [{ monitor: 'loss', mode: 'max' as const }, history.loss.indexOf(Math.max(...history.loss))],
    ] as const) {
      const folder = fresh();
      await train(folder, { save: 'best', ...options });
      expect(names(folder)).toEqual([step(5 * (best + 1)).replace('step', 'best')]);
    }
    const error = await failure(train(fresh(), { save: 'best', monitor: 'valloss' }));
    expect(error).toMatchObject({ code: 'ERR_ARG', message: expect.stringContaining('valLoss') });
  });

  test('best, in another fit with the same callback: what came before is to be beaten', async () => {
    const [folder, model] = [fresh(), modelWith()];
    const checkpoint = modelCheckpoint(folder, { save: 'best', monitor: 'loss' });
    await model.fit(x, y, { ...FIVE, callbacks: [checkpoint] });
    const before = names(folder);
    // Weights far from any good.
    await model.setWeights(
      (await model.getWeights()).map(({ data, shape }) => ({ data: data.map((w) => 9 * w), shape })),
    );
    model.learningRate = 0;
    await model.fit(x, y, { ...FIVE, epochs: 5, initialEpoch: 3, callbacks: [checkpoint] });
    expect(names(folder)).toEqual(before);
  });

  test('best, resumed: compared with what came before', async () => {
    const folder = fresh();
    await modelWith().fit(x, y, {
      ...FIVE,
      epochs: 2,
      callbacks: [modelCheckpoint(folder, { save: 'best,every:1' })],
    });
    const before = (await listCheckpoints(folder)).find(({ best }) => best)!;
    // The rate 0 makes nothing better.
    const freeze: Callback = {
      onTrainBegin: (t) => {
        t.learningRate = 0;
      },
    };
    await modelWith().fit(x, y, {
      ...FIVE,
      resume: folder,
      callbacks: [freeze, modelCheckpoint(folder, { save: 'best,every:1' })],
    });
    expect((await listCheckpoints(folder)).find(({ best }) => best)).toEqual(before);
  });

  test('a time that has come ends the span after its step; otherwise spans stay whole', async () => {
    const spans: number[] = [];
    let epochs = 0;
    const { backend } = spyBackend((session) => {
      const { run } = session;
      session.run = async (span, listen) => {
        // In the second epoch time passes: the third step is slow. All others together are not, even on a busy machine.
        const slow = epochs === 1 && spans.length === 1;
        const report = await run.call(session, span, {
          ...listen,
          onProgress: (progress) => {
            const until = performance.now() + (slow && progress.stepsDone === 3 ? 1600 : 0);
            while (performance.now() < until);
            listen?.onProgress?.(progress);
          },
        });
        spans.push(report.stepsDone);
        return report;
      };
      return session;
    });
    const folder = fresh();
    const model = referenceModel(stack(), SPARSE, backend);
    const count: Callback = { onEpochEnd: () => void epochs++ };
    const callbacks = [modelCheckpoint(folder, { save: 'every:1.5s', keep: 100 }), count];
    const history = await model.fit(x, y, { ...FIVE, callbacks });
    const [first, second, third, fourth] = spans;
    expect(first).toBe(5);
    expect(second).toBeLessThan(5);
    expect(second + third).toBe(5);
    expect(fourth).toBe(5);
    expect(names(folder)).toEqual([5 + second, 15].map(step));
    const plain = modelWith();
    expect(untimed(await plain.fit(x, y, FIVE))).toEqual(untimed(history));
    expect(await model.readState()).toEqual(await plain.readState());
  });

  test.each([
    [
      '',
      'every',
      'every:',
      'every:0',
      'every:-1',
      'every:1.5',
      'every:2x',
      'best,best',
      'none,best',
      'every:1,every:2',
      'every:1000h',
      'every:0.001s',
    ],
  ])('%p is refused', (...bad) => {
    for (const save of bad)
      expect(() => modelCheckpoint('x', { save })).toThrow(expect.objectContaining({ code: 'ERR_ARG' }));
  });
});

test.each<ModelCheckpointOptions>([{}, { save: 'every:1steps' }, { save: 'every:2,best' }])(
  'terminateOnNaN beside it, %j: fit resolves, and the last one is of before it diverged',
  async (options) => {
    const folder = fresh();
    const blowUp: Callback = {
      onEpochBegin: (epoch, training) => {
        if (epoch === 1) training.learningRate = 1e38;
      },
    };
    const { stopped, epoch } = await train(folder, options, [terminateOnNaN(), blowUp]);
    expect([stopped, epoch]).toEqual(['callback', [0]]);
    const { state } = await loadCheckpoint(folder);
    expect(state.weights.flatMap((values) => [...values]).every(Number.isFinite)).toBe(true);
    // Without it, the same training rejects.
    expect((await failure(train(fresh(), options, [blowUp]))).code).toBe('ERR_NONFINITE_LOSS');
  },
);

test('later checkpoints of a training that was given up go when the new one saves', async () => {
  const folder = fresh();
  await train(folder, { save: 'every:5steps,best', keep: 100 });
  const resume = await loadCheckpoint(join(folder, step(5)));
  const callbacks = [modelCheckpoint(folder, { save: 'every:7steps', keep: 100 })];
  await modelWith().fit(x, y, { ...FIVE, resume, callbacks, epochs: 2 });
  expect(names(folder).filter((name) => name.startsWith('step'))).toEqual([5, 7, 10].map(step));
});

test('a training that begins anew leaves those of another alone', async () => {
  const folder = fresh();
  await train(folder, {});
  const before = names(folder);
  const error = await failure(train(folder, {}));
  expect(error).toMatchObject({
    code: 'ERR_ARG',
    message: expect.stringMatching(/another training.*resume/),
  });
  expect(names(folder)).toEqual(before);
  // A second fit of the same model goes on; its steps are later.
  const model = modelWith();
  const other = fresh();
  await train(other, {}, [], model);
  await train(other, {}, [], model);
  expect(names(other)).toEqual([25, 30].map(step));
});

test('those of another training stay, also where a training is gone on with, or the model has trained before', async () => {
  const [mine, its] = [fresh(), fresh()];
  await train(mine, {});
  await modelWith().fit(x, y, { ...FIVE, seed: 6, callbacks: [modelCheckpoint(its)] });
  const before = names(its);
  const goOn = (folder: string, resume: string) =>
    modelWith().fit(x, y, {
      ...FIVE,
      epochs: 4,
      seed: undefined,
      resume,
      callbacks: [modelCheckpoint(folder)],
    });
  const trained = modelWith();
  await trained.fit(x, y, FIVE);
  for (const work of [() => goOn(its, mine), () => train(its, {}, [], trained)])
    expect(await failure(work)).toMatchObject({ code: 'ERR_ARG', details: { folder: its } });
  expect(names(its)).toEqual(before);
  // Into one of its own, and into a new one.
  const other = fresh();
  await goOn(other, mine);
  await goOn(mine, mine);
  expect([names(mine), names(other)]).toEqual([[15, 20].map(step), [20].map(step)]);
});

describe('faults', () => {
  const whole = modelWith();
  let end: unknown;
  beforeAll(async () => {
    await whole.fit(x, y, FIVE);
    end = await whole.readState();
  });

  /** What is left is whole, and leads to the same end. */
  async function checkLeft(folder: string): Promise<void> {
    const left = existsSync(folder) ? names(folder) : [];
    // What could not be removed may stay: a later start removes it.
    expect(left.filter((name) => !/^(step|best)-|^lock$|^\.lock-/.test(name))).toEqual([]);
    for (const { file } of await listCheckpoints(folder)) await loadCheckpoint(file);
    const resume = existsSync(folder) ? (await findCheckpoint(folder))?.checkpoint : undefined;
    const model = modelWith();
    await model.fit(x, y, { ...FIVE, resume });
    expect(await model.readState()).toEqual(end);
  }

  test('an error at each call of a training: it ends with ERR_IO or goes on; nothing is lost', async () => {
    const codes = ['ENOSPC', 'EIO', 'EROFS', 'EDQUOT', 'EMFILE', 'EACCES'];
    for (let fatal = 1; ; fatal++) {
      const folder = fresh();
      const code = codes[fatal % codes.length];
      const { calls } = failAt(fatal, code);
      const model = modelWith();
      const error = await train(folder, { save: 'every:8steps,best' }, [], model).then(
        () => undefined,
        (reason) => reason,
      );
      jest.restoreAllMocks();
      if (calls.length < fatal) {
        expect(error).toBeUndefined();
        expect(fatal).toBeGreaterThan(50);
        figure('faults injected into saving', fatal - 1);
        return;
      }
      if (error) expect(error).toMatchObject({ code: 'ERR_IO', details: { system: code } });
      else expect(await model.readState()).toEqual(end);
      rmSync(join(folder, 'lock'), { force: true });
      await checkLeft(folder);
    }
  });

  test.each(['open', 'writeFile', 'sync', 'rename'])(
    'continue: %s fails once, training goes on, the next checkpoint is kept',
    async (call) => {
      const folder = fresh();
      const written = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
      const temp = new RegExp(`^${call} ${call === 'rename' ? '' : '\\.'}step-0*10\\.`);
      failAt(1, 'ENOSPC', (name) => temp.test(name));
      const model = modelWith();
      await train(folder, { save: 'every:5steps', onSaveError: 'continue' }, [], model);
      const said = written.mock.calls.map(([text]) => String(text));
      jest.restoreAllMocks();
      expect(said).toEqual([expect.stringMatching(/^warning: no checkpoint of step 10: .*ENOSPC.*\n$/)]);
      expect(names(folder)).toEqual([5, 15].map(step));
      expect(await model.readState()).toEqual(end);
    },
  );

  test('stop: names the last good one', async () => {
    const folder = fresh();
    failAt(2, 'ENOSPC', (name) => name.startsWith('rename step'));
    const error = await failure(train(folder, { save: 'every:5steps' }));
    jest.restoreAllMocks();
    expect(error).toMatchObject({ code: 'ERR_IO', details: { step: 10, last: join(folder, step(5)) } });
    expect(error.message).toMatch(
      /ENOSPC.*make room.*no checkpoint of step 10.*the last one is .*5\.safetensors/,
    );
    await checkLeft(folder);
  });

  test('the folder vanishes while it trains', async () => {
    const folder = fresh();
    const vanish: Callback = {
      onEpochEnd: (epoch) => void (epoch === 1 && rmSync(folder, { recursive: true })),
    };
    expect(await failure(train(folder, {}, [vanish]))).toMatchObject({
      code: 'ERR_IO',
      details: { system: 'ENOENT' },
    });
    const written = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const model = modelWith();
    await train(folder, { onSaveError: 'continue' }, [vanish], model);
    expect(written.mock.calls).toHaveLength(2);
    expect(await model.readState()).toEqual(end);
  });

  test('each checkpoint: written, flushed, named, its name flushed; only then the old ones go', async () => {
    const folder = fresh();
    const { calls } = failAt(0, '');
    await train(folder, { save: 'every:5steps', keep: 1 });
    jest.restoreAllMocks();
    const name = folder.split('/').at(-1);
    const saves = calls
      .join('\n')
      .split(/^open \.step-/m)
      .slice(1);
    expect(saves).toHaveLength(3);
    saves.forEach((save, i) => {
      const temp = `.${step(5 * (i + 1))}.${process.pid}.tmp`;
      const order = save
        .split('\n')
        .slice(1)
        .filter((call) => !call.startsWith('writeFile'));
      expect(order.slice(0, 6)).toEqual([
        `sync ${temp}`,
        `close ${temp}`,
        `rename ${step(5 * (i + 1))}`,
        `open ${name}`,
        `sync ${name}`,
        `close ${name}`,
      ]);
      expect(order.slice(6).filter((call) => call.startsWith('rm step'))).toEqual(
        i === 0 ? [] : [`rm ${step(5 * i)}`],
      );
    });
  });

  test('temp files of a save that was killed go at the next start', async () => {
    const folder = fresh();
    mkdirSync(folder);
    writeFileSync(join(folder, `.${step(5)}.99999999.tmp`), 'half');
    await train(folder, { save: 'none' });
    expect(names(folder)).toEqual([]);
  });

  test('two at once in one folder: the second is refused, the first goes on', async () => {
    const folder = fresh();
    const second: unknown[] = [];
    const rival: Callback = {
      onEpochBegin: async (epoch) => {
        if (epoch === 1) second.push(await failure(train(folder, {})));
      },
    };
    const model = modelWith();
    await train(folder, {}, [rival], model);
    expect(second).toMatchObject([{ code: 'ERR_LOCKED', details: { pid: process.pid } }]);
    expect(await model.readState()).toEqual(end);
    expect(names(folder)).toEqual([10, 15].map(step));
    await (await lockFolder(folder))();
  });

  testUnless(process.getuid?.() === 0 && 'root may write everywhere')(
    'a folder made read-only while it trains',
    async () => {
      const folder = fresh();
      const lock: Callback = { onEpochEnd: (epoch) => void (epoch === 1 && chmodSync(folder, 0o500)) };
      expect(await failure(train(folder, {}, [lock]))).toMatchObject({
        code: 'ERR_IO',
        details: { system: 'EACCES' },
      });
      chmodSync(folder, 0o700);
      await checkLeft(folder);
    },
  );
});
