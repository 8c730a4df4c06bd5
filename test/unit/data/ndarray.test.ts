import fc from 'fast-check';
import { toCategorical } from '../../../src/data/labels';
import { asNDArray, ndarray } from '../../../src/data/ndarray';
import { firstBadLabel, firstNonFinite } from '../../../src/data/scan';
import { failure } from '../../support/models';

test('the data is kept, not copied; the shape is', () => {
  const data = new Uint8Array(6);
  const shape = [2, 3];
  const array = ndarray(data, shape);
  shape[0] = 9;
  expect(array.data).toBe(data);
  expect(array.shape).toEqual([2, 3]);
});

test.each([[[2, 2]], [[7]], [[0]], [[]]])('six numbers do not have the shape %p', async (shape) => {
  const error = await failure(() => ndarray(new Float32Array(6), shape));
  expect(error.code).toBe('ERR_SHAPE');
  expect(error.details).toMatchObject({ shape, received: 6 });
});

test.each([
  ['a plain array', [1, 2], [2]],
  ['64-bit integers', new BigInt64Array(2), [2]],
  ['a negative size', new Float32Array(2), [-2]],
  ['a fraction of a size', new Float32Array(2), [0.5, 4]],
  ['no shape', new Float32Array(2), undefined],
])('ndarray refuses %s', async (_name, data, shape) => {
  expect((await failure(() => ndarray(data as never, shape as never))).code).toBe('ERR_ARG');
});

test('nested arrays keep their order', () => {
  expect(
    ndarray.from([
      [1, 2, 3],
      [4, 5, 6],
    ]),
  ).toEqual({ data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -99, max: 99 }), { minLength: 6, maxLength: 6 }),
      ([a, b, c, d, e, f]) => {
        expect(Array.from(ndarray.from([[[a, b]], [[c, d]], [[e, f]]]).data)).toEqual([a, b, c, d, e, f]);
      },
    ),
  );
});

test.each([
  ['a short row', [[1, 2], [3]], 'element [1] should have 2 entries, got 1'],
  ['a number among rows', [[1, 2], 3], 'element [1] should have 2 entries, got 3'],
])('ragged: %s', async (_name, nested, message) => {
  const error = await failure(() => ndarray.from(nested));
  expect(error.code).toBe('ERR_SHAPE');
  expect(error.message).toContain(message);
});

test.each([
  ['a string', ['1']],
  ['a boolean', [true]],
  ['null', [null]],
  ['a row among numbers', [1, [2]]],
])('not a number: %s', async (_name, nested) => {
  expect((await failure(() => ndarray.from(nested as never))).code).toBe('ERR_ARG');
});

test('a cyclic array is an error', async () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  expect((await failure(() => ndarray.from(cycle as never))).code).toBe('ERR_ARG');
});

test('arrays come as NDArrays, typed arrays or nested arrays, and as nothing else', async () => {
  expect(asNDArray(new Int32Array(3), 'f', 'x').shape).toEqual([3]);
  expect(asNDArray([[1], [2]], 'f', 'x').shape).toEqual([2, 1]);
  expect(asNDArray({ data: new Uint8Array(4), shape: [2, 2] }, 'f', 'x').shape).toEqual([2, 2]);
  expect((await failure(() => asNDArray({ data: new Uint8Array(4), shape: [3] }, 'f', 'x'))).code).toBe(
    'ERR_SHAPE',
  );
  for (const value of [
    undefined,
    null,
    3,
    'x',
    {},
    async () => 1,
    Promise.resolve([1]),
    new BigInt64Array(1),
  ])
    expect((await failure(() => asNDArray(value, 'f', 'x'))).message).toMatch(/^x must be an NDArray/);
});

test('one-hot rows', () => {
  const { data, shape } = toCategorical(Uint8Array.of(2, 0), 3);
  expect(shape).toEqual([2, 3]);
  expect(Array.from(data)).toEqual([0, 0, 1, 1, 0, 0]);
  expect(toCategorical([1, 4]).shape).toEqual([2, 5]);
});

test.each([
  [[0, 1, 3, 9], 2, 3],
  [[0, -1], 1, -1],
  [[0.5], 0, 0.5],
])('labels %p: number %p is out of range', async (labels, index, value) => {
  const error = await failure(() => toCategorical(labels, 3));
  expect(error.code).toBe('ERR_LABEL_RANGE');
  expect(error.details).toEqual({ index, value, range: [0, 2] });
});

test('scans find the first bad value, wherever it stands', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 9000 }),
      fc.integer({ min: 1, max: 5000 }),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
      (at, after, bad) => {
        const values = new Float32Array(at + after).fill(-3.4e38);
        expect(firstNonFinite(values)).toBe(-1);
        values[at] = bad;
        values[at + after - 1] = bad;
        expect(firstNonFinite(values)).toBe(at);
      },
    ),
  );
  expect(firstBadLabel(Float32Array.of(0, 1, Number.NaN), 2)).toBe(2);
  expect(firstBadLabel(Uint8Array.of(0, 1), 2)).toBe(-1);
});
