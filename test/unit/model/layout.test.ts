import { type LayerConfig, layers } from '../../../src/model/layers';
import { layoutOf } from '../../../src/model/layout';
import { failure } from '../../support/models';

const { activation, batchNormalization, dense, dropout, flatten, input, rescaling } = layers;
const refused = (stack: unknown) => failure(() => layoutOf(stack as LayerConfig[]));

test('shapes, names and parameters of the flagship', () => {
  const layout = layoutOf([
    rescaling(1 / 255, { inputShape: [28, 28, 1] }),
    flatten(),
    dense(128, { activation: 'relu' }),
    dropout(0.5),
    dense(10, { activation: 'softmax' }),
  ]);
  expect(layout.layers.map(({ name, outputShape, parameters }) => [name, outputShape, parameters])).toEqual([
    ['rescaling', [28, 28, 1], 0],
    ['flatten', [784], 0],
    ['dense', [128], 100_480],
    ['dropout', [128], 0],
    ['dense_1', [10], 1290],
  ]);
  expect(layout.parameterCount).toBe(101_770);
});

test('batch normalisation is of the last axis, and has a name of two words', () => {
  const { layers: placed, parameterCount } = layoutOf([
    batchNormalization({ inputShape: [4, 4, 3] }),
    flatten(),
    dense(5, { useBias: false }),
    batchNormalization({ scale: false }),
    batchNormalization({ trainable: false }),
  ]);
  expect(
    placed.map(({ name, outputShape, parameters, trained }) => [name, outputShape, parameters, trained]),
  ).toEqual([
    ['batch_normalization', [4, 4, 3], 12, 6],
    ['flatten', [48], 0, 0],
    ['dense', [5], 240, 240],
    ['batch_normalization_1', [5], 15, 5],
    ['batch_normalization_2', [5], 20, 0],
  ]);
  expect(parameterCount).toBe(287);
});

test('names that are given stay, and the default ones make way for them', () => {
  const { layers: placed } = layoutOf([
    dense(1, { inputShape: [1] }),
    dense(1, { name: 'dense' }),
    dense(1, { name: 'head' }),
    dense(1),
  ]);
  expect(placed.map(({ name }) => name)).toEqual(['dense_1', 'dense', 'head', 'dense_2']);
});

test('layers.input stands for inputShape', () => {
  expect(layoutOf([input([4]), dense(2)]).inputShape).toEqual([4]);
});

test('no bias, no bias parameters', () => {
  expect(layoutOf([dense(3, { inputShape: [5], useBias: false })]).parameterCount).toBe(15);
});

test.each([
  [
    'a dense layer on images',
    [dense(2, { inputShape: [4, 4] })],
    'layer "dense" · add layers.flatten() before it',
  ],
  [
    'softmax on images',
    [activation('softmax', { inputShape: [4, 4] })],
    'layer "activation" · add layers.flatten()',
  ],
  ['no inputShape', [dense(2)], 'the first layer has no inputShape'],
  [
    'an inputShape that disagrees',
    [dense(2, { inputShape: [4] }), dense(2, { inputShape: [3] })],
    'inputShape is [3] but what comes in is [2] · layer "dense_1"',
  ],
])('ERR_SHAPE: %s', async (_name, stack, message) => {
  const error = await refused(stack);
  expect(error.code).toBe('ERR_SHAPE');
  expect(error.message).toContain(message);
});

test('the parameters are counted before anything is allocated', async () => {
  const error = await refused([dense(2 ** 24, { inputShape: [128] })]);
  expect(error.code).toBe('ERR_PLAN');
  expect(error.details).toEqual({ layer: 'dense', parameters: 129 * 2 ** 24 });
  expect((await refused([flatten({ inputShape: [2 ** 16, 2 ** 16] })])).code).toBe('ERR_PLAN');
  expect((await refused(new Array(10_001).fill(dropout(0)))).code).toBe('ERR_PLAN');
});

test.each([
  ['no layers', []],
  ['only an input', [input([3])]],
  ['not an array', 'dense'],
  ['two equal names', [dense(1, { inputShape: [1], name: 'a' }), dense(1, { name: 'a' })]],
  ['something else among them', [dense(1, { inputShape: [1] }), 3]],
  [
    'an unknown key in foreign data',
    [{ className: 'Dense', config: { units: 1, inputShape: [1], unit: 2 } }],
  ],
  [
    'units of a wrong type in foreign data',
    [{ className: 'Dense', config: { units: '1', inputShape: [1] } }],
  ],
])('ERR_ARG: %s', async (_name, stack) => {
  expect((await refused(stack)).code).toBe('ERR_ARG');
});

test('layers.input elsewhere than first', async () => {
  expect((await refused([dense(1, { inputShape: [1] }), input([1])])).code).toBe('ERR_PLAN');
});

test.each(['Lambda', 'TFSMLayer', '__proto__', 'constructor', 'Dence'])(
  '%s is no known class',
  async (className) => {
    const error = await refused([{ className, config: { inputShape: [1] } }]);
    expect(error.code).toBe('ERR_LAYER_UNKNOWN');
    if (className === 'Dence') expect(error.message).toContain('did you mean Dense?');
  },
);

test.each([
  ['width 0', () => dense(0)],
  ['width 10⁹', () => dense(1e9)],
  ['a width that is no integer', () => dense(1.5)],
  ['a width in text', () => dense('10' as never)],
  ['an unknown activation', () => dense(1, { activation: 'rellu' as never })],
  ['no activation', () => activation(undefined as never)],
  ['dropout of everything', () => dropout(1)],
  ['a negative rate', () => dropout(-0.1)],
  ['no rate', () => dropout(undefined as never)],
  ['a momentum above 1', () => batchNormalization({ momentum: 1.01 })],
  ['an epsilon of 0', () => batchNormalization({ epsilon: 0 })],
  ['a scale that is not finite', () => rescaling(Number.NaN)],
  ['an unknown option', () => dense(1, { activaton: 'relu' } as never)],
  ['options that are no object', () => dense(1, 'relu' as never)],
  ['a size of 0', () => flatten({ inputShape: [0, 3] })],
  ['no sizes', () => flatten({ inputShape: [] })],
  ['a shape that is no array', () => input(784 as never)],
  ['no shape', () => input(undefined as never)],
  ['a name that is a path', () => flatten({ name: '../x' })],
])('layers refuse %s', async (_name, make) => {
  expect((await failure(make)).code).toBe('ERR_ARG');
});
