import {
  type OptimizerPlan,
  parametersOf,
  type SessionState,
  slotsOf,
  type TrainPlan,
} from '../backend/contract';
import { asNDArray } from '../data/ndarray';
import { FusorError } from '../errors';
import { elements } from '../shape';
import { drawn, type Initializers } from './initializers';

/**
 * By default glorot-uniform kernels (limit √(6/(inputs + outputs)); Glorot and Bengio, AISTATS 2010), biases, betas and moving means of 0,
 * gammas and moving variances of 1. Parameter p
 * of {@link parametersOf} draws from stream p, so weights depend on the seed, the shapes and the initialisers alone.
 */
export function initialWeights(
  plan: Pick<TrainPlan, 'layers'>,
  seed: number,
  initializers: Initializers = new Map(),
): Float32Array[] {
  return parametersOf(plan).map(({ layer, kind, shape }, stream) =>
    drawn(initializers.get(`${layer}/${kind}`) ?? DEFAULTS[kind], shape, seed, stream),
  );
}

const ZEROS = { kind: 'constant', value: 0 } as const;
const ONES = { kind: 'constant', value: 1 } as const;
const DEFAULTS = {
  kernel: { kind: 'glorotUniform' },
  bias: ZEROS,
  gamma: ONES,
  beta: ZEROS,
  movingMean: ZEROS,
  movingVariance: ONES,
} as const;

/** A state with these weights whose optimiser has not run. */
export function freshState(weights: Float32Array[], optimizer: OptimizerPlan): SessionState {
  const slots = slotsOf(optimizer).map(() => weights.map(({ length }) => new Float32Array(length)));
  return { step: 0, weights, slots };
}

/**
 * A copy of a state that somebody else made.
 * @throws ERR_SHAPE naming the parameter whose size disagrees, ERR_NONFINITE_WEIGHTS, ERR_ARG
 */
export function checkedState(plan: TrainPlan, state: SessionState): SessionState {
  if (!Number.isSafeInteger(state?.step) || state.step < 0)
    throw new FusorError('ERR_ARG', ['the step of a state must be an integer ≥ 0', 'writeState']);
  const names = slotsOf(plan.optimizer);
  if (!Array.isArray(state.slots) || state.slots.length !== names.length)
    throw new FusorError('ERR_SHAPE', [
      `${plan.optimizer.kind} keeps ${names.length} slots, the state has ${state.slots?.length}`,
      'writeState',
      'compile with the optimiser that wrote it',
    ]);
  return {
    step: state.step,
    weights: checkedArrays(plan, state.weights, 'weights'),
    slots: state.slots.map((slot, s) => checkedArrays(plan, slot, `slot ${names[s]}`)),
  };
}

/** Copies, one a parameter. @param what for the error: 'weights', 'slot m' */
function checkedArrays(
  plan: Pick<TrainPlan, 'layers'>,
  arrays: readonly ArrayLike<number>[],
  what: string,
): Float32Array[] {
  const parameters = parametersOf(plan);
  if (arrays?.length !== parameters.length)
    throw new FusorError(
      'ERR_SHAPE',
      [`the model has ${parameters.length} parameters, got ${arrays?.length ?? arrays} arrays`, what],
      { expected: parameters.length, received: arrays?.length ?? null },
    );
  return parameters.map(({ layer, kind, shape }, p) => {
    const count = elements(shape);
    const where = `${what}, ${kind} of layer "${layer}"`;
    if (arrays[p]?.length !== count)
      throw new FusorError(
        'ERR_SHAPE',
        [`shape [${shape}] needs ${count} numbers, got ${arrays[p]?.length}`, where],
        { layer, parameter: kind, expected: shape, received: arrays[p]?.length ?? null },
      );
    const copy = new Float32Array(arrays[p]);
    const bad = copy.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw new FusorError(
        'ERR_NONFINITE_WEIGHTS',
        [`${copy[bad]} is not a finite number`, `${where}, element ${bad}`],
        { layer, parameter: kind, index: bad, value: String(copy[bad]) },
      );
    return copy;
  });
}

/** Arrays with the parameters' shapes, as setWeights takes them. @throws ERR_SHAPE naming the layer */
export function weightArrays(plan: Pick<TrainPlan, 'layers'>, weights: readonly unknown[]): Float32Array[] {
  const arrays = Array.from(weights ?? [], (weight, i) => asNDArray(weight, 'setWeights', `weights[${i}]`));
  for (const [p, { layer, kind, shape }] of parametersOf(plan).entries()) {
    if (!arrays[p] || String(arrays[p].shape) === String(shape)) continue;
    throw new FusorError(
      'ERR_SHAPE',
      [`${kind} has the shape [${shape}], got [${arrays[p].shape}]`, `setWeights, layer "${layer}"`],
      { layer, parameter: kind, expected: shape, received: [...arrays[p].shape] },
    );
  }
  return checkedArrays(
    plan,
    arrays.map(({ data }) => data),
    'setWeights',
  );
}
