import type { LossPlan } from '../../../src/backend/contract';
import type { DataShape } from '../../../src/data/data-shape';
import { examplesOf, inputsOf } from '../../../src/data/examples';
import { toCategorical } from '../../../src/data/labels';
import { type ArrayLike, ndarray } from '../../../src/data/ndarray';
import { sampleWeightsOf, withClassWeights } from '../../../src/data/sample-weights';
import { failure } from '../../support/models';
import { dense, planOf } from '../../support/plans';

const shapeFor = (loss: LossPlan['kind'], inputShape = [2, 3, 1], outputs = 3): DataShape => ({
  plan: planOf(
    [
      dense(
        inputShape.reduce((a, b) => a * b),
        outputs,
      ),
    ],
    loss,
  ),
  inputShape,
  firstLayer: 'flatten',
  lastLayer: 'dense_1',
});

const SPARSE = shapeFor('sparseCategoricalCrossentropy');
const ONE_HOT = shapeFor('categoricalCrossentropy');
const BINARY = shapeFor('binaryCrossentropy', [6], 1);
const x = (rows: number, shape = [2, 3, 1]) => ndarray(new Float32Array(rows * 6), [rows, ...shape]);
const fitting = (shape: DataShape, inputs: unknown, y: unknown) =>
  failure(() => examplesOf(shape, inputs as ArrayLike, y as ArrayLike, 'fit'));

test('types: uint8 and float32 stay as they are, the rest becomes float32, labels int32', () => {
  const bytes = new Uint8Array(12).fill(255);
  const floats = new Float32Array(12);
  const of = (data: Uint8Array | Float32Array | Int32Array | Float64Array) =>
    examplesOf(SPARSE, ndarray(data, [2, 2, 3, 1]), Uint8Array.of(0, 2), 'fit');
  expect(of(bytes).x).toBe(bytes);
  expect(of(floats).x).toBe(floats);
  expect(of(new Int32Array(12).fill(-7)).x).toEqual(new Float32Array(12).fill(-7));
  expect(of(new Float64Array(12).fill(0.1)).x).toEqual(new Float32Array(12).fill(0.1));
  expect(of(bytes)).toMatchObject({ rows: 2, y: Int32Array.of(0, 2) });
  expect(examplesOf(SPARSE, x(2), [[1], [2]], 'fit').y).toEqual(Int32Array.of(1, 2));
  expect(examplesOf(ONE_HOT, x(1), [[0, 1, 0]], 'fit').y).toEqual(Float32Array.of(0, 1, 0));
  expect(examplesOf(BINARY, x(2, [6]), [0, 1], 'fit').y).toEqual(Float32Array.of(0, 1));
});

test('a last dimension of 1 may be missing or too much', () => {
  expect(inputsOf(SPARSE, x(2, [2, 3]), 'predict').rows).toBe(2);
  expect(inputsOf(BINARY, x(2, [6, 1]), 'predict').rows).toBe(2);
});

test.each([
  ['wrong rank', x(2, [6]), 'ndarray(data, [2,2,3,1])'],
  ['transposed', x(2, [3, 2, 1]), 'the axes seem to be in another order'],
  ['too narrow', ndarray(new Float32Array(10), [2, 5]), ''],
  ['one row without its dimension', ndarray(new Float32Array(6), [2, 3, 1]), 'ndarray(data, [1,2,3,1])'],
  ['no dimensions', ndarray(new Float32Array(1), []), ''],
])('x: %s names both shapes and the layer', async (_name, inputs, mend) => {
  const error = await fitting(SPARSE, inputs, [0, 1]);
  expect(error.code).toBe('ERR_SHAPE');
  expect(error.message).toContain(`[${inputs.shape}], needed is [rows,2,3,1] · fit, layer "flatten"`);
  expect(error.message).toContain(mend);
});

test('empty, and of different lengths', async () => {
  expect((await fitting(SPARSE, x(0), [])).code).toBe('ERR_DATA_EMPTY');
  const error = await fitting(SPARSE, x(3), [0, 1]);
  expect(error.code).toBe('ERR_DATA_MISMATCH');
  expect(error.message).toBe('x has 3 rows, y has 2 · fit: x [3,2,3,1], y [2] · give both as many rows');
});

test.each([[0], [7], [11]])('x: element %p that is not finite is named', async (at) => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const inputs = x(2);
    inputs.data[at] = bad;
    const error = await fitting(SPARSE, inputs, [0, 1]);
    expect(error.code).toBe('ERR_NONFINITE_INPUT');
    expect(error.details).toEqual({ sample: Math.floor(at / 6), feature: at % 6, value: String(bad) });
  }
});

test('a double that float32 cannot hold is not finite', async () => {
  const error = await fitting(SPARSE, ndarray(new Float64Array(6).fill(1e39), [1, 2, 3, 1]), [0]);
  expect(error.code).toBe('ERR_NONFINITE_INPUT');
});

test.each([
  ['above', [0, 3], 1, 3],
  ['negative', [-1, 0], 0, -1],
  ['a fraction', [0, 1.5], 1, 1.5],
  ['NaN', [0, Number.NaN], 1, 'NaN'],
])('label %s: index, value and range', async (_name, labels, index, value) => {
  const error = await fitting(SPARSE, x(2), labels);
  expect(error.code).toBe('ERR_LABEL_RANGE');
  expect(error.details).toEqual({ index, value, range: [0, 2] });
});

test('labels that are no numbers', async () => {
  expect((await fitting(SPARSE, x(2), [true, false])).code).toBe('ERR_ARG');
});

test('labels for the one-hot loss, and the reverse, name the other loss', async () => {
  const labels = await fitting(ONE_HOT, x(2), [0, 1]);
  expect(labels.code).toBe('ERR_SHAPE');
  expect(labels.message).toContain(
    "for class labels use 'sparseCategoricalCrossentropy' or toCategorical(y)",
  );
  const rows = await fitting(SPARSE, x(2), toCategorical([0, 1], 3));
  expect(rows.code).toBe('ERR_SHAPE');
  expect(rows.message).toContain("for one-hot rows use 'categoricalCrossentropy'");
  expect(
    (
      await fitting(ONE_HOT, x(2), [
        [0, 1],
        [1, 0],
      ])
    ).message,
  ).toContain('layer "dense_1" with 3 outputs');
});

test('rows of probabilities sum to 1 within 0.001', async () => {
  expect(examplesOf(ONE_HOT, x(1), [[0.3335, 0.333, 0.333]], 'fit').rows).toBe(1);
  const error = await fitting(ONE_HOT, x(2), [
    [1, 0, 0],
    [1, 0, 0.002],
  ]);
  expect(error.code).toBe('ERR_LABEL_RANGE');
  expect(error.details).toMatchObject({ index: 1 });
  expect((await fitting(ONE_HOT, x(1), [[2, -1, 0]])).message).toContain('target 2 is not from 0 to 1');
  expect((await fitting(ONE_HOT, x(1), [[0, 0, 0]])).code).toBe('ERR_LABEL_RANGE');
});

test('binary targets lie from 0 to 1; y must be finite', async () => {
  expect((await fitting(BINARY, x(2, [6]), [0, 1.1])).details).toMatchObject({ index: 1, range: [0, 1] });
  expect((await fitting(BINARY, x(2, [6]), [-1, 1])).code).toBe('ERR_LABEL_RANGE');
  const error = await fitting(shapeFor('meanSquaredError', [6], 2), x(1, [6]), [[1, Number.NaN]]);
  expect(error.code).toBe('ERR_NONFINITE_INPUT');
  expect(error.details).toEqual({ sample: 0, output: 1, value: 'NaN' });
});

test.each([
  ['a length that differs', [1], 'ERR_DATA_MISMATCH'],
  ['a negative weight', [1, -1], 'ERR_ARG'],
  ['a weight that is not finite', [1, Number.POSITIVE_INFINITY], 'ERR_ARG'],
  ['NaN', [Number.NaN, 1], 'ERR_ARG'],
])('sampleWeight: %s', async (_name, weights, code) => {
  expect((await failure(() => sampleWeightsOf(weights, 2, 'fit'))).code).toBe(code);
});

test('class weights multiply sample weights, on training rows only', () => {
  const examples = {
    rows: 4,
    x: x(4).data,
    y: Int32Array.of(0, 1, 2, 1),
    weights: Float32Array.of(1, 2, 3, 4),
  };
  expect(withClassWeights(SPARSE, examples, { 1: 10, 2: 0 }, 3)).toEqual(Float32Array.of(1, 20, 0, 4));
  expect(examples.weights).toEqual(Float32Array.of(1, 2, 3, 4));
  const oneHot = examplesOf(ONE_HOT, x(2), toCategorical([2, 0], 3), 'fit');
  expect(withClassWeights(ONE_HOT, oneHot, { 2: 5 }, 2)).toEqual(Float32Array.of(5, 1));
  const binary = examplesOf(BINARY, x(2, [6]), [1, 0], 'fit');
  expect(withClassWeights(BINARY, binary, { 1: 3 }, 2)).toEqual(Float32Array.of(3, 1));
});

test.each([
  ['a class that is not there', SPARSE, { 3: 1 }],
  ['a name', SPARSE, { cat: 1 }],
  ['a negative factor', SPARSE, { 0: -1 }],
  ['a string', SPARSE, { 0: '1' }],
  ['a number instead of an object', SPARSE, 3],
  ['a loss without classes', shapeFor('meanSquaredError'), { 0: 1 }],
])('classWeight: %s', async (_name, shape, weights) => {
  const examples = { rows: 1, x: x(1).data, y: Int32Array.of(0) };
  expect((await failure(() => withClassWeights(shape, examples, weights, 1))).code).toBe('ERR_ARG');
});

test('shared memory is copied before it is checked', async () => {
  const shared = new Float32Array(new SharedArrayBuffer(4 * 6));
  const labels = new Int32Array(new SharedArrayBuffer(4));
  const examples = examplesOf(SPARSE, ndarray(shared, [1, 2, 3, 1]), labels, 'fit');
  shared.fill(Number.NaN);
  labels.fill(99);
  expect([...examples.x, ...examples.y]).toEqual(new Array(7).fill(0));
});
