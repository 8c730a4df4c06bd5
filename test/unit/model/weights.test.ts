import { parametersOf } from '../../../src/backend/contract';
import { type InitializerConfig, type InitializerName, initializers } from '../../../src/model/initializers';
import { checkedState, freshState, initialWeights } from '../../../src/model/weights';
import { truncatedNormal, uniform } from '../../../src/random';
import { failure } from '../../support/models';
import { dense, OPTIMIZERS, planOf } from '../../support/plans';

const plan = planOf([dense(20, 30, 'relu'), dense(30, 4, 'linear', false)], 'meanSquaredError');

test('kernels are glorot-uniform, parameter p from stream p; biases are zero', () => {
  const [kernel, bias, last] = initialWeights(plan, 9);
  expect(kernel).toEqual(uniform(600, Math.sqrt(6 / 50), 9, 0));
  expect(bias).toEqual(new Float32Array(30));
  expect(last).toEqual(uniform(120, Math.sqrt(6 / 34), 9, 2));
  expect(initialWeights(plan, 10)[0]).not.toEqual(kernel);
});

test('initialisers: of their fans as Keras counts them, and nothing else moves', () => {
  const own = (config: InitializerConfig, parameter: string) =>
    initialWeights(plan, 9, new Map([[parameter, config]]));
  const [name] = parametersOf(plan).map(({ layer }) => layer);
  const kernel = (kind: InitializerName) => own(initializers[kind](), `${name}/kernel`)[0];
  expect(kernel('glorotUniform')).toEqual(initialWeights(plan, 9)[0]);
  expect(kernel('glorotNormal')).toEqual(truncatedNormal(600, Math.sqrt(2 / 50), 9, 0));
  expect(kernel('heUniform')).toEqual(uniform(600, Math.sqrt(6 / 20), 9, 0));
  expect(kernel('heNormal')).toEqual(truncatedNormal(600, Math.sqrt(2 / 20), 9, 0));
  expect(kernel('lecunUniform')).toEqual(uniform(600, Math.sqrt(3 / 20), 9, 0));
  expect(kernel('lecunNormal')).toEqual(truncatedNormal(600, Math.sqrt(1 / 20), 9, 0));
  expect(kernel('ones')).toEqual(new Float32Array(600).fill(1));
  expect(own(initializers.heNormal(), `${name}/bias`)[1]).toEqual(
    truncatedNormal(30, Math.sqrt(2 / 30), 9, 1),
  );
  const [before, bias, last] = own(initializers.constant(-5.5), `${name}/bias`);
  expect(bias).toEqual(new Float32Array(30).fill(-5.5));
  expect([before, last]).toEqual([initialWeights(plan, 9)[0], initialWeights(plan, 9)[2]]);
});

test('a fresh state has zero slots of the parameters’ sizes', () => {
  const { step, slots } = freshState(initialWeights(plan, 1), OPTIMIZERS.adam);
  expect(step).toBe(0);
  expect(slots.map((slot) => slot.map((values) => [values.length, values.some(Boolean)]))).toEqual(
    new Array(2).fill([
      [600, false],
      [30, false],
      [120, false],
    ]),
  );
  expect(freshState(initialWeights(plan, 1), OPTIMIZERS.sgd).slots).toEqual([]);
});

test('a state is copied', () => {
  const state = freshState(initialWeights(plan, 1), OPTIMIZERS.adam);
  const copy = checkedState(plan, state);
  expect(copy).toEqual(state);
  copy.weights[0][0] = 7;
  copy.slots[1][2][3] = 7;
  expect(state.weights[0][0]).not.toBe(7);
  expect(state.slots[1][2][3]).toBe(0);
});

test.each([
  ['a parameter too few', 'ERR_SHAPE', (s: State) => ({ ...s, weights: s.weights.slice(1) })],
  ['a size that disagrees', 'ERR_SHAPE', (s: State) => ({ ...s, weights: [s.weights[0], ...s.weights] })],
  ['a slot too few', 'ERR_SHAPE', (s: State) => ({ ...s, slots: s.slots.slice(1) })],
  ['no weights', 'ERR_SHAPE', (s: State) => ({ ...s, weights: undefined })],
  ['a negative step', 'ERR_ARG', (s: State) => ({ ...s, step: -1 })],
  ['no state', 'ERR_ARG', () => undefined],
])('a state with %s is refused', async (_name, code, change) => {
  const state = change(freshState(initialWeights(plan, 1), OPTIMIZERS.adam));
  expect((await failure(() => checkedState(plan, state as State))).code).toBe(code);
});
type State = ReturnType<typeof freshState>;

test('a weight that is not finite is named', async () => {
  const state = freshState(initialWeights(plan, 1), OPTIMIZERS.adam);
  state.weights[2][17] = Number.NaN;
  const error = await failure(() => checkedState(plan, state));
  expect(error.code).toBe('ERR_NONFINITE_WEIGHTS');
  expect(error.details).toMatchObject({ layer: 'dense_30_4', parameter: 'kernel', index: 17 });
});
