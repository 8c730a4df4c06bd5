import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../../src/index';
import { BACKENDS, documentOf, fusor, WASM } from '../support/cli';
import { temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

const cwd = temporaryFolder();
const small = ['--limit', '400', '--epochs', '2', '--seed', '7'];
const read = (...path: string[]) => readFileSync(join(...path), 'utf8');
const lines = (text: string) => text.trimEnd().split('\n');

describe.each(BACKENDS)('on %s', (name, flags, obstacle) => {
  describeUnless(obstacle)('train --json', () => {
    const kernels = name === 'native' ? 'fused' : 'framework';
    const run = fusor(['train', ...small, ...flags, '--json', '--run-dir', `json ${name}`], { cwd });
    let document: ReturnType<typeof documentOf>;
    beforeAll(async () => {
      document = documentOf(await run);
    });

    test('--clip-norm shortens what is learnt from a step, and is kept with the model', async () => {
      const clipping = [
        '--clip-norm',
        '1e-6',
        '--optimizer',
        'sgd',
        '--layers',
        '8',
        '--run-dir',
        `clipped ${name}`,
      ];
      const clipped = documentOf(await fusor(['train', ...small, ...flags, ...clipping, '--json'], { cwd }));
      expect(clipped.backend.kernels).toBe(kernels);
      const [first, last] = [clipped.history[0].loss, clipped.history.at(-1).loss];
      expect(Math.abs(first - last)).toBeLessThan(1e-3);
      expect(document.history[0].loss - document.history.at(-1).loss).toBeGreaterThan(0.1);
      expect(
        JSON.parse(read(cwd, `clipped ${name}`, 'model', 'model.json')).config.compile.optimizer.clipNorm,
      ).toBe(1e-6);
    });

    test('--activation, --batch-normalization and --dropout make the hidden layers', async () => {
      const made = [
        ...['--layers', '8,6', '--activation', 'tanh', '--batch-normalization', '--dropout', '0.1'],
        ...['--run-dir', `made ${name}`],
      ];
      const ran = documentOf(await fusor(['train', ...small, ...flags, ...made, '--json'], { cwd }));
      expect(ran.backend.kernels).toBe(kernels);
      const { config } = JSON.parse(read(cwd, `made ${name}`, 'model', 'model.json'));
      const hidden = ['Dense', 'BatchNormalization', 'Activation', 'Dropout'];
      expect(config.layers.map(({ className }: { className: string }) => className)).toEqual([
        ...['Rescaling', 'Flatten', ...hidden, ...hidden, 'Dense'],
      ]);
      expect(config.layers[4].config.activation).toBe('tanh');
      expect(config.layers[2].config.useBias).toBe(false);
    });

    test('--l2, --max-norm, --accumulate and --label-smoothing hold the weights, and are kept with the model', async () => {
      const held = [
        ...['--l2', '0.01', '--max-norm', '0.5', '--accumulate', '4', '--layers', '8'],
        ...['--label-smoothing', '0.1'],
      ];
      const folder = `held ${name}`;
      const arguments_ = ['train', ...small, ...flags, ...held, '--json', '--run-dir', folder];
      const ran = documentOf(await fusor(arguments_, { cwd }));
      expect(ran.backend.kernels).toBe(kernels);
      const { config } = JSON.parse(read(cwd, folder, 'model', 'model.json'));
      const { kernelRegularizer, kernelConstraint } = config.layers[2].config;
      expect([kernelRegularizer, kernelConstraint]).toEqual([{ l1: 0, l2: 0.01 }, { maxNorm: 0.5 }]);
      expect(config.compile.optimizer.gradientAccumulationSteps).toBe(4);
      expect(config.compile.loss).toEqual({
        kind: 'categoricalCrossentropy',
        fromLogits: false,
        labelSmoothing: 0.1,
      });
      const model = await loadModel(join(cwd, folder, 'model'), {
        backend: 'tfjs',
        tfjsEngine: 'cpu',
        quiet: true,
      });
      const [kernel] = await model.getWeights();
      const norms = Array.from({ length: 8 }, (_, unit) =>
        Math.hypot(...kernel.data.filter((_, e) => e % 8 === unit)),
      );
      expect(Math.max(...norms)).toBeLessThan(0.5 + 1e-6);
      await model.dispose();
    });

    test('prints exactly the documented keys', () => {
      expect(Object.keys(document)).toEqual([
        'schema',
        'version',
        'backend',
        'seed',
        'data',
        'model',
        'history',
        'test',
        'timing',
        'memory',
        'fallback',
        'runDir',
      ]);
      const keys = (part: string) => Object.keys(document[part]);
      expect(keys('backend')).toEqual([
        'name',
        'engine',
        'device',
        'deviceName',
        'kernels',
        'isa',
        'threads',
        'versions',
      ]);
      expect(keys('data')).toEqual(['name', 'rows', 'sha256']);
      expect(keys('model')).toEqual(['layers', 'parameters']);
      expect(keys('test')).toEqual(['loss', 'accuracy']);
      expect(keys('timing')).toEqual([
        'startupSeconds',
        'setupSeconds',
        'fitSeconds',
        'steps',
        'stepMicroseconds',
      ]);
      for (const epoch of document.history) {
        expect(Object.keys(epoch)).toEqual([
          'epoch',
          'loss',
          'accuracy',
          'valLoss',
          'valAccuracy',
          'seconds',
          'memoryBytes',
        ]);
      }
    });

    test('says what was asked for and what happened', () => {
      expect(document).toMatchObject({
        schema: 'fusor.run',
        version: 1,
        backend: { name: flags[1], device: 'cpu' },
        seed: 7,
        data: { name: 'mnist', rows: 400 },
        model: { parameters: 101770 },
        runDir: join(cwd, `json ${name}`),
      });
      expect(document.history.map(({ epoch }: { epoch: number }) => epoch)).toEqual([0, 1]);
      expect(document.history[1].loss).toBeLessThan(document.history[0].loss);
      expect(document.test.accuracy).toBeGreaterThan(0.3);
      // 320 rows to train on, 32 a step.
      expect(document.timing.steps).toBe(20);
      expect(document.timing.fitSeconds).toBeGreaterThan((20 * document.timing.stepMicroseconds) / 1e6);
    });

    test('progress is one line an epoch, on stderr', async () => {
      const { stderr, status } = await run;
      expect(status).toBe(0);
      expect(lines(stderr).filter((line) => line.includes('10/10'))).toHaveLength(2);
      expect(stderr).not.toContain('\r');
    });

    test('the run folder has everything', () => {
      const folder = document.runDir;
      expect(readdirSync(folder).sort()).toEqual([
        'checkpoints',
        'config.json',
        'environment.json',
        'history.csv',
        'losses.f32',
        'metrics.jsonl',
        'model',
        'pictures',
        'report.html',
        'run.json',
      ]);
      expect(readdirSync(join(folder, 'model')).sort()).toEqual(['model.json', 'weights.safetensors']);
      expect(JSON.parse(read(folder, 'run.json'))).toEqual(document);
      expect(lines(read(folder, 'metrics.jsonl')).map((line) => JSON.parse(line))).toEqual(document.history);
      const [head, first, second] = lines(read(folder, 'history.csv'));
      expect(head).toBe('epoch,accuracy,loss,val_accuracy,val_loss');
      expect(first.split(',').map(Number)).toEqual([
        0,
        ...['accuracy', 'loss', 'valAccuracy', 'valLoss'].map((key) => document.history[0][key]),
      ]);
      expect(second.startsWith('1,')).toBe(true);
      expect(JSON.parse(read(folder, 'environment.json'))).toMatchObject({
        fusor: expect.any(String),
        node: process.version,
        backend: document.backend,
      });
    });

    test('its config.json repeats it', async () => {
      const config = join(document.runDir, 'config.json');
      const again = documentOf(await fusor(['train', '--config', config, '--json', '--quiet'], { cwd }));
      const untimed = (history: { seconds: number }[]) =>
        history.map((epoch) => ({ ...epoch, seconds: 0, memoryBytes: 0 }));
      expect(untimed(again.history)).toEqual(untimed(document.history));
      expect(again.test).toEqual(document.test);
      expect(again.runDir).toMatch(/runs\/mnist-\d{8}-\d{6}(-\d+)?$/);
    });

    test('a model of it can be trained on, evaluated and asked', async () => {
      const model = `json ${name}`;
      const rest = ['--json', '--quiet', '--limit', '400', ...flags];
      const [evaluated, predicted, more] = await Promise.all([
        fusor(['evaluate', model, ...rest], { cwd }),
        fusor(['predict', model, ...rest], { cwd }),
        fusor(['train', '--model', `${model}/model`, '--epochs', '1', ...rest], { cwd }),
      ]);
      expect(documentOf(evaluated).test.loss).toBeCloseTo(document.test.loss, 6);
      const { predictions } = documentOf(predicted);
      expect(predictions).toHaveLength(400);
      for (const { class: best, probabilities } of predictions) {
        expect(probabilities[best]).toBe(Math.max(...probabilities));
        expect(probabilities.reduce((sum: number, p: number) => sum + p)).toBeCloseTo(1, 5);
      }
      // It goes on from where it was: the first epoch is better than the last one before.
      expect(documentOf(more).history[0].loss).toBeLessThan(document.history[1].loss);
    });
  });
});

test('--step-losses adds the loss of every step, in the document and in steps.jsonl', async () => {
  const flags = [...small, ...WASM, '--step-losses', '--json', '--quiet', '--run-dir', 'steps'];
  const document = documentOf(await fusor(['train', ...flags], { cwd }));
  expect(document.stepLosses).toHaveLength(20);
  const mean = document.stepLosses.slice(0, 10).reduce((sum: number, loss: number) => sum + loss) / 10;
  expect(mean).toBeCloseTo(document.history[0].loss, 5);
  const recorded = lines(read(cwd, 'steps', 'steps.jsonl')).map((line) => JSON.parse(line));
  expect(recorded.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(recorded.map(({ loss }) => loss)).toEqual(document.stepLosses);
});

test('for people it ends with a table, curves, the test result, what it ran on and the folder', async () => {
  const { status, stdout, stderr } = await fusor(['train', ...small, ...WASM], { cwd });
  expect(status).toBe(0);
  expect(stdout).toMatch(/epoch +loss +accuracy +val loss +val accuracy +seconds/);
  expect(stdout).toMatch(/\n {4}2( +\d\.\d{4}){4} +\d+\.\d\d\n/);
  expect(stdout).toContain('loss: training, validation');
  expect(stdout).toContain('accuracy: training, validation');
  expect(stdout).toMatch(/test loss \d\.\d{4} · test accuracy \d+\.\d\d %/);
  expect(stdout).toMatch(/ran on tfjs · wasm · cpu \(.*, \d+ cores?\).* · 1 thread$/m);
  expect(existsSync(/run folder (.+)/.exec(stdout)![1])).toBe(true);
  // Piped: no colour, no cursor.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
  expect(stdout + stderr).not.toMatch(/\u001b|\r/);
});

test('without validation and with a single epoch', async () => {
  const flags = ['--limit', '100', '--epochs', '1', '--validation-split', '0', '--run-dir', 'bare', ...WASM];
  const { status, stdout } = await fusor(['train', ...flags], { cwd });
  expect(status).toBe(0);
  expect(stdout).not.toContain('val loss');
  expect(lines(read(cwd, 'bare', 'history.csv'))[0]).toBe('epoch,accuracy,loss');
  const [epoch] = JSON.parse(read(cwd, 'bare', 'run.json')).history;
  expect(epoch).toMatchObject({ valLoss: null, valAccuracy: null });
});

test('--quiet says the result, and nothing else', async () => {
  const flags = ['--limit', '100', '--epochs', '1', '--quiet', '--run-dir', 'quiet', ...WASM];
  const { status, stdout, stderr } = await fusor(['train', ...flags], { cwd });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^test loss .*\nran on tfjs .*\n.* steps in .*\nrun folder .*quiet\n$/);
});

test('--quiet --dashboard says where the page is', async () => {
  const flags = ['--limit', '100', '--epochs', '1', '--quiet', '--dashboard', ...WASM];
  const { status, stderr } = await fusor(['train', ...flags], { cwd });
  expect([status, stderr]).toEqual([
    0,
    expect.stringMatching(/^Dashboard http:\/\/127\.0\.0\.1:\d+\/\S+\n$/),
  ]);
});

test.each([
  ['sparseCategoricalCrossentropy', 'sgd'],
  ['meanSquaredError', 'rmsprop'],
  ['binaryCrossentropy', 'adamw'],
])('--loss %s --optimizer %s', async (loss, optimizer) => {
  const flags = [
    '--limit',
    '400',
    '--epochs',
    '3',
    '--loss',
    loss,
    '--optimizer',
    optimizer,
    '--layers',
    '32,16',
  ];
  const document = documentOf(await fusor(['train', ...flags, '--json', '--quiet', ...WASM], { cwd }));
  expect(document.history[2].loss).toBeLessThan(document.history[0].loss);
  expect(document.model.parameters).toBe(784 * 32 + 32 + 32 * 16 + 16 + 16 * 10 + 10);
});
