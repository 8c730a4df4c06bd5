import { boolean, closed, integer, oneOf, range, real, seedOf, show } from '../../src/arguments';
import { failure } from '../support/models';

test('values are shown on one short line', () => {
  expect([undefined, null, 1.5, 'a\nb', 2n, [1, 2], {}, new Float32Array(2), () => 1].map(show)).toEqual([
    'undefined',
    'null',
    '1.5',
    '"a\\nb"',
    '2n',
    'an array of 2',
    'an object',
    'a Float32Array',
    'a function',
  ]);
  expect(show('x'.repeat(1000)).length).toBeLessThan(70);
  expect(show(Symbol('s'))).toBe('Symbol(s)');
});

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '32', null, 2 ** 31, 3n, [], true])(
  'integer refuses %p and says what is allowed',
  async (value) => {
    const error = await failure(() => integer('fit', 'batchSize', value, { min: 1, max: 2 ** 31 - 1 }));
    expect(error.code).toBe('ERR_ARG');
    expect(error.message).toBe(`batchSize must be an integer from 1 to 2147483647, got ${show(value)} · fit`);
    expect(error.details).toMatchObject({ argument: 'batchSize' });
  },
);

test('defaults stand in for undefined only', async () => {
  expect(integer('f', 'n', undefined, { min: 1, max: 9, fallback: 3 })).toBe(3);
  expect(boolean('f', 'b', undefined, true)).toBe(true);
  expect(oneOf('f', 'o', undefined, ['a', 'b'], 'b')).toBe('b');
  expect(seedOf('f', undefined)).toBeUndefined();
  expect((await failure(() => integer('f', 'n', null, { min: 1, max: 9, fallback: 3 }))).code).toBe(
    'ERR_ARG',
  );
  expect((await failure(() => boolean('f', 'b', 1, true))).code).toBe('ERR_ARG');
  expect((await failure(() => seedOf('f', -1))).code).toBe('ERR_ARG');
  expect((await failure(() => seedOf('f', 2 ** 53))).code).toBe('ERR_ARG');
});

test.each([
  ['positive', 0],
  ['positive', 1e39],
  ['notNegative', -1e-9],
  ['fraction', 1],
  ['fraction', -0.1],
  ['any', Number.NaN],
] as const)('a number that is %s cannot be %p', async (name, value) => {
  expect((await failure(() => real('f', 'v', value, 0, range[name]))).code).toBe('ERR_ARG');
});

test('an unknown key names the nearest one that is known', async () => {
  const error = await failure(() =>
    closed('adam', { learningrate: 1 }, ['learningRate', 'beta1'] as never[]),
  );
  expect(error.message).toBe('unknown option "learningrate" · adam · did you mean learningRate?');
  const far = await failure(() => closed('adam', { zzzzzzzz: 1 }, ['learningRate', 'beta1'] as never[]));
  expect(far.message).toContain('known are learningRate, beta1');
});

test('a name that is nearly right is suggested', async () => {
  const error = await failure(() => oneOf('dense', 'activation', 'rellu', ['relu', 'tanh']));
  expect(error.message).toContain('did you mean relu?');
});

test.each([
  ['a getter that throws', Object.defineProperty({}, 'a', { enumerable: true, get: () => JSON.parse('{') })],
  ['a proxy', new Proxy({}, { ownKeys: () => JSON.parse('{') })],
  ['an array', [1]],
  ['null', null],
  ['a number', 3],
])('options that are %s are a clean error', async (_name, options) => {
  expect((await failure(() => closed('f', options, ['a'] as never[]))).code).toBe('ERR_ARG');
});

test('each property is read once', () => {
  let reads = 0;
  const options = {
    get a() {
      return ++reads;
    },
  };
  expect(closed<{ a: number }>('f', options, ['a'])).toEqual({ a: 1 });
  expect(reads).toBe(1);
});
