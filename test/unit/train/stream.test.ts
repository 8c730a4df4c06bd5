import type { History, Model, RowChunk } from '../../../src/index';
import { ndarray } from '../../../src/index';
import { labelled, referenceModel } from '../../support/models';

const ROWS = 50;
const { x, y } = labelled(ROWS);
const width = x.data.length / ROWS;

/** Rows [begin, end) as a chunk. */
const chunk = (begin: number, end: number) => ({
  x: ndarray(x.data.slice(begin * width, end * width), [end - begin, ...x.shape.slice(1)]),
  y: ndarray(y.data.slice(begin, end), [end - begin]),
});

/** All rows, in chunks of these sizes again and again. */
function* chunks(...sizes: number[]): Generator<RowChunk> {
  for (let begin = 0, i = 0; begin < ROWS; i++) {
    const end = Math.min(ROWS, begin + sizes[i % sizes.length]);
    yield chunk(begin, end);
    begin = end;
  }
}
async function* slowly(...sizes: number[]) {
  for (const each of chunks(...sizes)) {
    await new Promise((done) => setImmediate(done));
    yield each;
  }
}

const options = { epochs: 3, batchSize: 8, seed: 5, verbose: 0 } as const;

async function trained(training: (model: Model) => Promise<History>) {
  const model = referenceModel();
  const { history, stepLosses } = await training(model);
  return { state: await model.readState(), history, stepLosses };
}

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error('it was accepted');
    },
    (error) => error as { code: string; message: string; cause?: unknown; history: History },
  );

test('in order, a stream trains to the bit as arrays do, however it is cut', async () => {
  const inOrder = { ...options, shuffle: false };
  const arrays = await trained((model) => model.fit(x, y, inOrder));
  for (const [sizes, bufferRows] of [
    [[1], 8],
    [[7, 1, 13], 16],
    [[50], 24],
    [[16], 16],
    [[3, 40], undefined],
  ] as const) {
    const source = () => slowly(...sizes);
    expect(await trained((model) => model.fit(source, { ...inOrder, bufferRows }))).toEqual(arrays);
  }
});

test('a source may fill the same arrays anew for each chunk', async () => {
  function* reused(size: number) {
    const room = chunk(0, size);
    const weight = new Float32Array(size);
    for (let begin = 0; begin + size <= ROWS; begin += size) {
      room.x.data.set(x.data.subarray(begin * width, (begin + size) * width));
      room.y.data.set(y.data.subarray(begin, begin + size));
      weight.fill(1 + (begin % 3));
      yield { ...room, sampleWeight: weight };
    }
  }
  const copies = (size: number) =>
    [...reused(size)].map((_, i) => ({
      ...chunk(i * size, (i + 1) * size),
      sampleWeight: new Float32Array(size).fill(1 + ((i * size) % 3)),
    }));
  for (const [size, bufferRows] of [
    [10, 16],
    [25, 8],
    [10, 10],
    [10, 100],
  ]) {
    const own = await trained((model) => model.fit(() => copies(size), { ...options, bufferRows }));
    expect(await trained((model) => model.fit(() => reused(size), { ...options, bufferRows }))).toEqual(own);
  }
});

test('one buffer that holds all rows is shuffled as arrays are; smaller ones each for itself', async () => {
  const arrays = await trained((model) => model.fit(x, y, options));
  expect(await trained((model) => model.fit(() => chunks(9), options))).toEqual(arrays);
  const again = () => trained((model) => model.fit(() => chunks(9), { ...options, bufferRows: 16 }));
  const small = await again();
  expect(small.state.weights).not.toEqual(arrays.state.weights);
  expect(await again()).toEqual(small);
});

test('{ x, y } is taken, as are iterables that begin anew and streams that know their epochs', async () => {
  const arrays = await trained((model) => model.fit(x, y, options));
  expect(await trained((model) => model.fit({ x, y }, options))).toEqual(arrays);
  const past = (model: Model) =>
    (model.fit as (...args: unknown[]) => Promise<History>)({ x, y }, undefined, options);
  expect(await trained(past)).toEqual(arrays);
  expect(await trained((model) => model.fit({ [Symbol.asyncIterator]: () => slowly(20) }, options))).toEqual(
    arrays,
  );
  const list = [chunk(0, 20), chunk(20, 20), chunk(20, ROWS)];
  expect(await trained((model) => model.fit(list, options))).toEqual(arrays);
  const validated = (validationData: typeof list | (typeof list)[0]) =>
    trained((model) => model.fit(x, y, { ...options, validationData }));
  expect(await validated(list.slice(1))).toEqual(await validated(chunk(20, ROWS)));
  const asked: unknown[] = [];
  const stream = {
    rows: ROWS,
    fingerprint: 'mine',
    at: (epoch: object) => {
      asked.push(epoch);
      return chunks(20);
    },
    [Symbol.asyncIterator]: () => slowly(20),
  };
  expect(await trained((model) => model.fit(stream, options))).toEqual(arrays);
  expect(asked).toEqual([0, 1, 2].map((epoch) => ({ epoch, seed: 5, shuffle: true })));
});

test('class weights, sample weights and validation count as they do for arrays', async () => {
  const weights = Float32Array.from({ length: ROWS }, (_, i) => 1 + (i % 3));
  const more = { classWeight: { 0: 3 }, shuffle: false };
  const held = labelled(20);
  const arrays = await trained((model) =>
    model.fit(x, y, { ...options, ...more, sampleWeight: weights, validationData: [held.x, held.y] }),
  );
  function* weighted() {
    let at = 0;
    for (const part of chunks(9, 4)) {
      const { x, y } = part as { x: ReturnType<typeof ndarray>; y: ReturnType<typeof ndarray> };
      yield { x, y, sampleWeight: weights.subarray(at, at + y.shape[0]) };
      at += y.shape[0];
    }
  }
  const validationData = () => [{ x: held.x, y: held.y }];
  const streamed = await trained((model) => model.fit(weighted, { ...options, ...more, validationData }));
  expect(streamed.state).toEqual(arrays.state);
  expect(streamed.history).toEqual(arrays.history);
});

test('a buffer trains while the next is made', async () => {
  const events: string[] = [];
  function* source() {
    for (let i = 0; i * 8 < ROWS; i++) {
      events.push(`chunk ${i}`);
      yield chunk(i * 8, Math.min(ROWS, i * 8 + 8));
    }
  }
  const onSpanEnd = () => {
    events.push('span');
  };
  await referenceModel().fit(source, {
    ...options,
    epochs: 1,
    bufferRows: 8,
    callbacks: [{ onSpanEnd }],
  });
  // A buffer is whole when a row of the next has come: the second is asked for before the first span ends.
  expect(events.indexOf('span')).toBeGreaterThan(events.indexOf('chunk 2'));
  expect(events.filter((event) => event === 'span')).toHaveLength(7);
});

test('batches are unknown in the first epoch only', async () => {
  const seen: number[] = [];
  await referenceModel().fit(() => chunks(10), {
    ...options,
    bufferRows: 16,
    callbacks: [{ onSpanEnd: ({ batches }) => void seen.push(batches) }],
  });
  expect(seen.slice(0, 3)).toEqual([Infinity, Infinity, Infinity]);
  expect(new Set(seen.slice(3))).toEqual(new Set([7]));
});

test('resumed in the middle of an epoch, a stream has the bits of one that went on', async () => {
  const source = () => chunks(9);
  const whole = await trained((model) => model.fit(source, { ...options, bufferRows: 16 }));
  let checkpoint: import('../../../src/index').Checkpoint | undefined;
  await referenceModel().fit(source, {
    ...options,
    bufferRows: 16,
    callbacks: [
      {
        everySteps: 10,
        async onSpanEnd(context) {
          if (context.step !== 10) return;
          checkpoint = await context.checkpoint();
          context.stop();
        },
      },
    ],
  });
  expect([checkpoint?.epoch, checkpoint?.batch]).toEqual([1, 3]);
  // Left out, the buffer is the checkpoint's.
  for (const bufferRows of [16, undefined]) {
    const resumed = await trained((model) =>
      model.fit(source, { ...options, bufferRows, resume: checkpoint }),
    );
    expect(resumed.state).toEqual(whole.state);
    expect(resumed.history).toEqual(whole.history);
  }
  for (const [wrong, message] of [
    [{ bufferRows: 24 }, /bufferRows is 24, it was 16/],
    [{ classWeight: { 0: 2 } }, /classWeight is {"0":2}, it was not/],
  ] as const) {
    const error = await rejection(referenceModel().fit(source, { ...options, ...wrong, resume: checkpoint }));
    expect([error.code, error.message]).toEqual(['ERR_CKPT_MISMATCH', expect.stringMatching(message)]);
  }
});

test.each<[string, () => Iterable<unknown>, string, RegExp]>([
  [
    'throws',
    function* () {
      yield chunk(0, 20);
      throw new Error('the disk is gone');
    },
    'ERR_DATA_STREAM',
    /the disk is gone.*epoch 1, chunk 1/,
  ],
  ['is empty', () => [], 'ERR_DATA_EMPTY', /no rows.*epoch 1/],
  ['gives a promise', () => [Promise.resolve(chunk(0, 20))], 'ERR_ARG', /chunk 0.*await it/],
  ['gives x alone', () => [{ x }], 'ERR_ARG', /epoch 1, chunk 0/],
  ['gives nothing iterable', () => 7 as never, 'ERR_ARG', /iterable/],
  [
    'changes its shape',
    () => [chunk(0, 20), { x: [[1, 2]], y: [0] }],
    'ERR_SHAPE',
    /\[1,2\].*epoch 1, chunk 1/,
  ],
  ['has no rows in its chunks', () => [chunk(0, 0), chunk(0, 0)], 'ERR_DATA_EMPTY', /no rows.*epoch 1/],
  ['has labels alone in a chunk', () => [{ ...chunk(0, 0), y: [0] }], 'ERR_DATA_EMPTY', /chunk 0/],
  ['has a label out of range', () => [{ x: chunk(0, 1).x, y: [99] }], 'ERR_LABEL_RANGE', /chunk 0/],
])('a source that %s: %s', async (_, source, code, message) => {
  const model = referenceModel();
  const error = await rejection(model.fit(source as never, { ...options, bufferRows: 8 }));
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  expect(error.history.epoch).toEqual([]);
  await model.fit(x, y, options);
});

test('an epoch with other rows than the first, or a generator that is used up, does not count', async () => {
  for (const rows of [32, 64]) {
    const error = await rejection(
      referenceModel().fit(
        ({ epoch }) => (epoch === 1 ? [chunk(0, 24), { x, y }].slice(0, rows / 32) : [chunk(0, 40)]),
        { ...options, bufferRows: 16 },
      ),
    );
    expect([error.code, error.history.epoch]).toEqual(['ERR_DATA_STREAM', [0]]);
  }
  const error = await rejection(referenceModel().fit(chunks(9), options));
  expect([error.code, error.history.epoch]).toEqual(['ERR_DATA_EMPTY', [0]]);
  expect(error.message).toMatch(/fit, epoch 2.*once.*a function/);
  const validation = await rejection(referenceModel().fit(x, y, { ...options, validationData: chunks(9) }));
  expect(validation.message).toMatch(/fit, validationData, epoch 2.*once.*a function/);
});

test('an abort does not wait for a source that hangs, and the source is closed', async () => {
  const abort = new AbortController();
  let close: () => void;
  const closed = new Promise<void>((done) => {
    close = done;
  });
  let goOn: () => void;
  async function* source() {
    try {
      yield chunk(0, 40);
      abort.abort();
      await new Promise<void>((done) => {
        goOn = done;
      });
      yield chunk(0, 10);
    } finally {
      close();
    }
  }
  const error = await rejection(
    referenceModel().fit(source, { ...options, bufferRows: 8, signal: abort.signal }),
  );
  expect((error as unknown as Error).name).toBe('AbortError');
  goOn!();
  await closed;
});

/** Gives some rows, and then nothing more. */
async function* hanging() {
  yield chunk(0, 8);
  await new Promise(() => {});
}

test.each<[string, (model: Model, signal?: AbortSignal) => Promise<unknown>]>([
  ['fit', (model, signal) => model.fit(hanging, { ...options, bufferRows: 8, signal })],
  ['validation', (model, signal) => model.fit(x, y, { ...options, validationData: hanging, signal })],
  ['evaluate', (model, signal) => model.evaluate(hanging, { signal })],
])('%s with a source that hangs ends with an abort, and with the model', async (_, begin) => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 20);
  expect(((await rejection(begin(referenceModel(), abort.signal))) as unknown as Error).name).toBe(
    'AbortError',
  );
  const model = referenceModel();
  setTimeout(() => model.dispose(), 20);
  const { code, message } = await rejection(begin(model));
  expect([code, message]).toEqual(['ERR_STATE', expect.stringMatching(/^the model was disposed/)]);
});

test('a model that goes between two spans is what fit tells of, not its session', async () => {
  const model = referenceModel();
  const onEpochEnd = () => model.dispose();
  const { code, message } = await rejection(model.fit(x, y, { ...options, callbacks: [{ onEpochEnd }] }));
  expect([code, message]).toEqual(['ERR_STATE', 'the model was disposed while it was training · fit']);
});

test('what needs all rows is refused', async () => {
  for (const wrong of [{ validationSplit: 0.2 }, { sampleWeight: new Float32Array(ROWS) }, { bufferRows: 0 }])
    expect((await rejection(referenceModel().fit(() => chunks(9), { ...options, ...wrong }))).code).toBe(
      'ERR_ARG',
    );
});

test('an iterator is asked to end where it has not, and what it then throws hides nothing', async () => {
  const asked: string[] = [];
  /** Gives chunks, and never likes to be closed. */
  const source = (name: string, end: () => IteratorResult<RowChunk>) => () => {
    let at = 0;
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          at += 10;
          return at <= ROWS ? { done: false, value: chunk(at - 10, at) } : end();
        },
        return: async () => {
          asked.push(name);
          throw new Error('the cursor is closed already');
        },
      }),
    } as AsyncIterable<RowChunk>;
  };
  const done = (): IteratorResult<RowChunk> => ({ done: true, value: undefined });
  const gone = () => {
    throw new Error('the database is gone');
  };
  await referenceModel().fit(source('done', done), { ...options, epochs: 1 });
  const broken = await rejection(referenceModel().fit(source('gone', gone), options));
  expect([broken.code, broken.message]).toEqual(['ERR_DATA_STREAM', expect.stringContaining('is gone')]);
  expect(asked).toEqual([]);
  const stop = { onBatchEnd: (_b: number, _l: unknown, t: { stop(): void }) => t.stop() };
  const small = { ...options, bufferRows: 8, callbacks: [stop] };
  expect((await referenceModel().fit(source('left', done), small)).stopped).toBe('callback');
  expect(asked).toEqual(['left']);
});

test('a source may have rows and places of its own; chunks may be an array of pairs', async () => {
  const own = { rows: 77, at: (i: number) => 77 + i, [Symbol.iterator]: () => chunks(20) };
  const wanted = await trained((model) => model.fit(() => chunks(20), options));
  expect(await trained((model) => model.fit(own, options))).toEqual(wanted);
  const pairs = [0, 20, 40].map(
    (at) => [chunk(at, Math.min(at + 20, ROWS)).x, chunk(at, Math.min(at + 20, ROWS)).y] as const,
  );
  expect(await trained((model) => model.fit(pairs, options))).toEqual(wanted);
});

test('who is not wanted any more is closed after the chunk at hand, however large the buffer is', async () => {
  for (const how of ['fit', 'evaluate'] as const) {
    const ending = new AbortController();
    let [given, closed] = [0, false];
    async function* endless(): AsyncGenerator<RowChunk> {
      try {
        for (; ; given++) {
          if (given === 5) ending.abort();
          await new Promise((next) => setImmediate(next));
          yield chunk(0, 1);
        }
      } finally {
        closed = true;
      }
    }
    const model = referenceModel();
    const { signal } = ending;
    const work =
      how === 'fit' ? model.fit(endless, { ...options, signal }) : model.evaluate(endless, { signal });
    expect(await rejection(work)).toMatchObject({ name: 'AbortError' });
    for (let turn = 0; turn < 5; turn++) await new Promise((next) => setImmediate(next));
    expect([closed, given < 9]).toEqual([true, true]);
  }
});
