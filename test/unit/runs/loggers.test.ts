import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join, resolve } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { crc32c } from '../../../src/files/crc';
import { csvLogger, pythonFloat } from '../../../src/runs/loggers/csv';
import { jsonlLogger } from '../../../src/runs/loggers/jsonl';
import { mlflowLogger } from '../../../src/runs/loggers/mlflow';
import { tensorBoard } from '../../../src/runs/loggers/tensorboard';
import type { Callback, TrainingContext } from '../../../src/train/callbacks';
import { History, type Logs } from '../../../src/train/history';
import { reduceOnPlateau } from '../../../src/train/reduce-on-plateau';
import { checkpointAt, FIVE, modelWith, x, y } from '../../support/checkpoints';
import { localServer } from '../../support/local-server';
import { failure } from '../../support/models';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
const KERAS_CSV = JSON.parse(readFileSync(resolve(__dirname, '../../support/keras/decisions.json'), 'utf8'))
  .csv as Record<string, { rows: Logs[]; text: string }>;

/** Camel case, as our logs are. */
const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const trained = (callback: Callback, more = {}) =>
  modelWith().fit(x, y, { ...FIVE, callbacks: [callback], ...more });
const linesOf = (file: string) => readFileSync(file, 'utf8').trim().split('\n');

describe('csv', () => {
  test.each(Object.entries(KERAS_CSV))("the bytes of Keras' CSVLogger: %s", (name, { rows, text }) => {
    const file = join(root, `${name}.csv`);
    const logger = csvLogger(file);
    const context = { history: new History(1) } as unknown as TrainingContext;
    logger.onTrainBegin?.(context);
    rows.forEach((row, epoch) => {
      const logs = Object.fromEntries(Object.entries(row).map(([key, value]) => [camel(key), value]));
      logger.onEpochEnd?.(epoch, logs, context);
    });
    logger.onTrainEnd?.({}, context);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('a resumed training leaves the file of one that was never ended; append goes on', async () => {
    const [whole, resumed] = [join(root, 'all.csv'), join(root, 'resumed.csv')];
    await trained(csvLogger(whole));
    await trained(csvLogger(resumed), { resume: await checkpointAt(7) });
    expect(readFileSync(resumed, 'utf8')).toBe(readFileSync(whole, 'utf8'));
    await trained(csvLogger(whole, { append: true, separator: ',' }));
    expect(linesOf(whole)).toHaveLength(1 + 3 + 3);
  });

  test('numbers as Python writes them', () => {
    const written = [1, -0.5, 1e-5, 0.0001, 1e16, 123456789012345680, Number.NaN, -Infinity].map(pythonFloat);
    expect(written).toEqual([
      ...['1.0', '-0.5', '1e-05', '0.0001'],
      ...['1e+16', '1.2345678901234568e+17', 'nan', '-inf'],
    ]);
  });

  test.each([',,', '1', '\n', ''])('separator %j is refused', async (separator) => {
    expect((await failure(() => csvLogger('x', { separator }))).code).toBe('ERR_ARG');
  });
});

test('jsonl: a line an epoch, and so often in between', async () => {
  const file = join(root, 'log.jsonl');
  const { history, stepLosses } = await trained(jsonlLogger(file, { everyBatches: 1 }));
  const records = linesOf(file).map((line) => JSON.parse(line));
  const epochs = records.filter((record) => !('step' in record));
  expect(epochs.map(({ loss, valLoss }) => [loss, valLoss])).toEqual(
    history.loss.map((loss, i) => [loss, history.valLoss[i]]),
  );
  const steps = records.filter((record) => 'step' in record);
  expect(steps.map(({ step, loss }) => [step, loss])).toEqual(
    Array.from(stepLosses, (loss, i) => [i + 1, loss]),
  );
});

test("jsonl: the rate is that of the logs, whoever lowers it at the epoch's end", async () => {
  const file = join(root, 'rates.jsonl');
  const reduce = reduceOnPlateau({ monitor: 'loss', patience: 1, minDelta: 9, factor: 0.5 });
  const { history } = await modelWith().fit(x, y, { ...FIVE, callbacks: [reduce, jsonlLogger(file)] });
  const rates = linesOf(file).map((line) => JSON.parse(line).learningRate);
  expect(rates).toEqual(history.learningRate);
  expect(rates[2]).toBeLessThan(rates[1]);
});

describe('tensorboard', () => {
  test('crc32c on the published vectors', () => {
    // RFC 3720, B.4.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  test('the values by tag and epoch, of training and validation', async () => {
    const folder = join(root, 'tensorboard');
    const { history, timing } = await trained(tensorBoard(folder, { everyBatches: 2 }));
    const train = scalarsOf(join(folder, 'train'));
    const rounded = (values: number[]) => values.map((value, step) => [step, Math.fround(value)]);
    expect(train.epoch_loss).toEqual(rounded(history.loss));
    expect(train.epoch_accuracy).toEqual(rounded(history.accuracy));
    expect(train.epoch_learning_rate).toEqual(rounded([0.001, 0.001, 0.001]));
    expect(scalarsOf(join(folder, 'batches')).batch_loss.map(([step]) => step)).toEqual([
      2,
      4,
      5,
      7,
      9,
      10,
      12,
      14,
      timing.steps,
    ]);
    const validation = scalarsOf(join(folder, 'validation'));
    expect(Object.keys(validation)).toEqual(['epoch_loss', 'epoch_accuracy']);
    expect(validation.epoch_loss).toEqual(rounded(history.valLoss));
  });
});

/** Of the only event file in a folder: [step, value] by tag. */
function scalarsOf(folder: string): Record<string, [number, number][]> {
  const [name] = readdirSync(folder);
  const bytes = readFileSync(join(folder, name));
  const found: Record<string, [number, number][]> = {};
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const event = fields(bytes.subarray(at + 12, at + 12 + length));
    const step = Number(event[2]?.[0] ?? 0);
    for (const value of (event[5] ?? []).flatMap((summary) => fields(summary as Uint8Array)[1])) {
      const of = fields(value as Uint8Array);
      const tensor = fields(of[8][0] as Uint8Array);
      const data = Buffer.from(tensor[5][0] as Uint8Array);
      const tag = Buffer.from(of[1][0] as Uint8Array).toString();
      found[tag] ??= [];
      found[tag].push([step, data.readFloatLE(0)]);
    }
    at += 16 + length;
  }
  return found;
}

/** A message's fields by number. */
function fields(message: Uint8Array): Record<number, unknown[]> {
  const reader = new BinaryReader(message);
  const found: Record<number, unknown[]> = {};
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const value = [() => reader.int64(), () => reader.double(), () => reader.bytes()][type]();
    found[number] ??= [];
    found[number].push(value);
  }
  return found;
}

describe('mlflow', () => {
  const calls: { method: string; path: string; body: Record<string, never> }[] = [];
  /** Answers that a path gets instead of the right one. */
  const broken = new Map<string, number>();
  const answers: Record<string, (body: Record<string, never>) => object | undefined> = {
    'experiments/get-by-name': () => undefined,
    'experiments/create': () => ({ experiment_id: '7' }),
    'runs/create': () => ({ run: { info: { run_id: 'r1' } } }),
    'runs/log-batch': () => ({}),
    'runs/update': () => ({}),
  };
  const server = localServer(async (request, response) => {
    const path = request.url!.replace('/api/2.0/mlflow/', '').split('?')[0];
    const body = request.method === 'POST' ? JSON.parse(await textOf(request)) : {};
    calls.push({ method: request.method!, path, body });
    const answer = answers[path]?.(body);
    response.statusCode = broken.get(path) ?? (answer ? 200 : 404);
    response.end(JSON.stringify(answer ?? { error_code: 'RESOURCE_DOES_NOT_EXIST' }));
  });
  beforeEach(() => {
    calls.length = 0;
    broken.clear();
  });
  const sent = () =>
    calls.flatMap(({ path, body }) => (path === 'runs/log-batch' ? (body.metrics ?? []) : []));

  test('an experiment, a run, its params, metrics and end', async () => {
    const logger = mlflowLogger({
      uri: server.url,
      experiment: 'digits',
      runName: 'first',
      params: { note: 1 },
    });
    const { history } = await trained(logger);
    expect(calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET experiments/get-by-name',
      'POST experiments/create',
      'POST runs/create',
      ...new Array(1 + 3).fill('POST runs/log-batch'),
      'POST runs/update',
    ]);
    expect(calls[2].body).toMatchObject({ experiment_id: '7', run_name: 'first' });
    const params = calls[3].body.params as { key: string; value: string }[];
    expect(params).toEqual(
      expect.arrayContaining([
        { key: 'epochs', value: '3' },
        { key: 'optimizer.kind', value: 'adam' },
        { key: 'note', value: '1' },
      ]),
    );
    const losses = sent().filter(({ key }: { key: string }) => key === 'val_loss');
    expect(losses.map(({ step, value }: { step: number; value: number }) => [step, value])).toEqual(
      history.valLoss.map((value, step) => [step, value]),
    );
    expect(calls.at(-1)!.body).toMatchObject({ run_id: 'r1', status: 'FINISHED' });
    expect(logger.runId).toBe('r1');
  });

  test('no server: fit ends before it begins; one that fails later is said, and gets what it missed', async () => {
    const none = await failure(trained(mlflowLogger({ uri: 'http://127.0.0.1:9' })));
    expect([none.code, none.message]).toEqual(['ERR_IO', expect.stringContaining('127.0.0.1:9')]);
    const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const outage: Callback = {
      onEpochBegin: (epoch) => void (epoch === 1 ? broken.set('runs/log-batch', 503) : broken.clear()),
    };
    await modelWith().fit(x, y, { ...FIVE, callbacks: [mlflowLogger({ uri: server.url }), outage] });
    expect(
      said.mock.calls.filter(([line]) => String(line).startsWith('warning: MLflow: status 503')),
    ).toHaveLength(1);
    said.mockRestore();
    const got = new Set(sent().map(({ key, step }: { key: string; step: number }) => `${key} ${step}`));
    expect([...got].filter((each) => each.startsWith('loss '))).toEqual(['loss 0', 'loss 1', 'loss 2']);
  });

  test('what is no number is sent by its name; what the server refuses is not sent again', async () => {
    const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const own: Callback = {
      logNames: ['own'],
      epochLogs: (epoch) => ({ own: epoch === 0 ? Number.NaN : 1 }),
    };
    const refusal: Callback = {
      onEpochBegin: (epoch) => void (epoch === 1 ? broken.set('runs/log-batch', 400) : broken.clear()),
    };
    await modelWith().fit(x, y, { ...FIVE, callbacks: [own, mlflowLogger({ uri: server.url }), refusal] });
    said.mockRestore();
    const got = sent().filter(({ key }: { key: string }) => key === 'own');
    expect(got.map(({ step, value }: { step: number; value: unknown }) => [step, value])).toEqual([
      [0, 'NaN'],
      [1, 1],
      [2, 1],
    ]);
    const batches = calls.filter(({ path, body }) => path === 'runs/log-batch' && body.metrics);
    expect(batches).toHaveLength(3);
  });

  test('a fit that fails is a failed run', async () => {
    const thrower: Callback = {
      onEpochEnd: () => {
        throw new Error('mine');
      },
    };
    await failure(
      modelWith().fit(x, y, { ...FIVE, callbacks: [mlflowLogger({ uri: server.url }), thrower] }),
    );
    expect(calls.at(-1)!.body).toMatchObject({ status: 'FAILED' });
    expect((await failure(() => mlflowLogger({ uri: '' }))).code).toBe('ERR_ARG');
  });
});

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += part;
  return text;
}
