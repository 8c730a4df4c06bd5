/** What each phase of a plan's step has to do, counted by hand: floating-point operations, and bytes at least. */
import {
  type LayerPlan,
  type OptimizerPlan,
  type Parameter,
  parametersOfLayer,
  slotsOf,
  type TrainPlan,
} from '../backend/contract';
import { ADAM_FLOPS, footprintOf, type Shape, type Work, workOf } from '../bench/work';
import { elements } from '../shape';
import type { OpPhase } from './profile';

const FLOAT = 4;

export interface Counting {
  plan: TrainPlan;
  rows: number;
  /** Of the input: 1 for uint8, 4 for float32. */
  inputBytes: number;
  /** Share of the input's bytes that are not zero, where zeros are skipped; null where they are not. */
  density: number | null;
  /** Layers whose way forward is an op of its own; the others go with the Dense before them, or with the gathering. */
  own: ReadonlySet<string>;
  /** Whether the first product reads the rows where they lie, as they are. */
  inPlace: boolean;
  /** Whether all layers' weights are one op, apart from the gradients of the layers' inputs. */
  together: boolean;
  /** Whether weights and optimiser state stay in registers: they pass through no memory. */
  keepsWeights: boolean;
}

type Dense = Extract<LayerPlan, { kind: 'dense' }>;

/**
 * @param computed share of a Dense layer's products that are, where zeros of float32 are left out
 * @returns null for what neither computes nor has to move anything
 */
export function workOfOp(
  phase: OpPhase,
  layer: string | null,
  counting: Counting,
  computed = 1,
): Work | null {
  const { plan } = counting;
  const at = plan.layers.findIndex(({ name }) => name === layer);
  switch (phase) {
    case 'gather':
      return gatherWork(counting);
    case 'forward':
      return at < 0 ? null : sum(stageOf(counting, at).map((each) => forwardWork(each, counting, computed)));
    case 'loss':
      return at < 0 ? lossWork(counting) : headWork(at, counting);
    case 'backward':
      return at < 0 ? gradientsWork(counting) : backwardWork(at, counting, computed);
    case 'backward+update':
      return at < 0 ? weightsWork(counting) : backwardUpdateWork(at, counting, computed);
    case 'update':
      return updateWork(plan.layers, plan.optimizer, true);
    default:
      return null;
  }
}

const isDense = (layer: LayerPlan): layer is Dense => layer.kind === 'dense';
const isTrained = (layer: LayerPlan) => parametersOfLayer(layer).some(({ trainable }) => trainable);
const isTrainedDense = (layer: LayerPlan): layer is Dense => isDense(layer) && isTrained(layer);
/** Whether the gradient goes further down than the layer at this place. */
const goesOnBelow = ({ layers }: TrainPlan, at: number) => layers.slice(0, at).some(isTrained);
const shapeOf = ({ inputs, outputs }: Dense, rows: number): Shape => ({
  batch: rows,
  inputs,
  units: outputs,
});
/** Numbers that are trained. */
const parameters = (layers: readonly LayerPlan[]) =>
  trainedOf(layers).reduce((count, { shape }) => count + elements(shape), 0);
const trainedOf = (layers: readonly LayerPlan[]) =>
  layers.flatMap(parametersOfLayer).filter(({ trainable }) => trainable);

function sum(works: readonly Work[]): Work {
  return works.reduce((a, b) => ({
    flops: a.flops + b.flops,
    read: a.read + b.read,
    written: a.written + b.written,
    ...((a.footprint ?? b.footprint) !== undefined && { footprint: footprintOf(a) + footprintOf(b) }),
  }));
}

/** A layer, and those that go with it. */
function stageOf({ plan, own }: Counting, at: number): LayerPlan[] {
  const next = plan.layers.findIndex(({ name }, i) => i > at && own.has(name));
  return plan.layers.slice(at, next < 0 ? undefined : next);
}

type Elementwise = Exclude<LayerPlan['kind'], 'dense'>;

/** As many floating-point operations for each of a layer's values; a whole exponential is one. */
const PER_VALUE: Record<Elementwise, number> = {
  rescaling: 2,
  activation: 1,
  dropout: 1,
  // To the mean; the difference, its square to the variance; times a factor, plus beta.
  batchNormalization: 6,
};
/** The same on the way back, where it differs: to the sums of dy and dy·x̂; less the one, less x̂ times the other; times a factor. */
const PER_VALUE_BACK = { ...PER_VALUE, batchNormalization: 9 };

function elementwise(kind: Elementwise, width: number, rows: number): Work {
  const bytes = FLOAT * width * rows;
  return { flops: PER_VALUE[kind] * width * rows, read: bytes, written: bytes };
}

function elementwiseBack(kind: Elementwise, width: number, rows: number): Work {
  const bytes = FLOAT * width * rows;
  // Of what was normalised the layer's input, too.
  const read = kind === 'batchNormalization' ? 2 * bytes : bytes;
  return { flops: PER_VALUE_BACK[kind] * width * rows, read, written: bytes };
}

/** Bytes that a layer's input has. */
function inputOf(layer: Dense, { plan, rows, inputBytes, density, inPlace }: Counting): number {
  const isFirst = layer === plan.layers.find(isDense);
  const each = isFirst && (inPlace || density !== null) ? inputBytes : FLOAT;
  return each * rows * layer.inputs;
}

function forwardWork(layer: LayerPlan, counting: Counting, computed = 1): Work {
  const { plan, rows, density, keepsWeights } = counting;
  if (layer.kind !== 'dense') return elementwise(layer.kind, layer.width, rows);
  if (density !== null && layer === plan.layers.find(isDense))
    return workOf('sparse-forward', shapeOf(layer, rows), density);
  const { flops, read, written } = workOf('forward', shapeOf(layer, rows), 1);
  const { inputs, outputs } = layer;
  const weights = keepsWeights ? FLOAT * (inputs + 1) * outputs : 0;
  return {
    flops: computed * flops,
    read: read - weights - FLOAT * rows * inputs + inputOf(layer, counting),
    written,
  };
}

/** Rows and targets; where zeros are skipped, the rows stay where they are. */
function gatherWork({ plan, rows, inputBytes, density, own, inPlace }: Counting): Work {
  const targets = FLOAT * rows * (plan.targets === 'labels' ? 1 : plan.outputs);
  if (density !== null) return { flops: 0, read: targets, written: targets };
  const values = rows * plan.features;
  const before = plan.layers.slice(0, plan.layers.findIndex(isDense)).filter(({ name }) => !own.has(name));
  // On the way: no bytes of their own.
  const each = before.reduce((flops, layer) => flops + (isDense(layer) ? 0 : PER_VALUE[layer.kind]), 0);
  return {
    flops: each * values,
    read: inputBytes * values + targets,
    written: (inPlace ? inputBytes : FLOAT) * values + targets,
  };
}

/** The greatest, a difference, an exponential, a sum, a quotient, the difference to the target, the mean; and the like. */
const PER_LOGIT: Record<TrainPlan['loss']['kind'], number> = {
  categoricalCrossentropy: 7,
  sparseCategoricalCrossentropy: 7,
  binaryCrossentropy: 8,
  meanSquaredError: 4,
  meanAbsoluteError: 4,
  huber: 6,
};

function lossWork({ plan, rows }: Counting): Work {
  const values = rows * plan.outputs;
  const targets = plan.targets === 'labels' ? rows : values;
  return {
    flops: PER_LOGIT[plan.loss.kind] * values,
    read: FLOAT * (values + targets),
    written: FLOAT * values,
  };
}

/** Of one parameter: operations by kind; Adam's as in bench/work.ts. */
function updateFlops(optimizer: OptimizerPlan): number {
  switch (optimizer.kind) {
    case 'sgd':
      return optimizer.momentum === 0 ? 2 : optimizer.nesterov ? 6 : 4;
    case 'adam':
      return ADAM_FLOPS;
    case 'adamw':
      return ADAM_FLOPS + 2;
    case 'rmsprop':
      return 9;
  }
}

/**
 * All in place. Where gradients accumulate, an update's share of each step.
 * @param reads whether the gradient comes from memory
 */
function updateWork(layers: readonly LayerPlan[], optimizer: OptimizerPlan, reads: boolean): Work {
  const { gradientAccumulationSteps: steps = 1, clipNorm } = optimizer;
  const accumulates = steps > 1;
  const state = 1 + slotsOf(optimizer).length - Number(accumulates);
  // The norm, and what brings the gradient to it; the mean of the sum.
  const updated = updateFlops(optimizer) + (clipNorm === undefined ? 0 : 3) + Number(accumulates);
  const works = trainedOf(layers).map((parameter): Work => {
    const count = elements(parameter.shape);
    const held = heldFlops(parameter);
    // What is held to something is looked at in steps that do not update, too.
    const looked = held > 0 ? 1 - 1 / steps : 0;
    const written =
      FLOAT * count * (state / steps + Number(accumulates) + (parameter.constraint ? looked : 0));
    const read = FLOAT * count * (state / steps + Number(accumulates) + looked + Number(reads));
    return { flops: count * (updated / steps + Number(accumulates) + held), read, written, footprint: read };
  });
  return works.length > 0 ? sum(works) : { flops: 0, read: 0, written: 0 };
}

/** Of one number: each penalty's sum and its gradient; a limit's norm and what it shortens. */
function heldFlops({ regularizer, constraint }: Parameter): number {
  const penalties = regularizer ? [regularizer.l1, regularizer.l2].filter((factor) => factor > 0).length : 0;
  return 4 * penalties + (constraint ? 3 : 0);
}

/** The gradient of a layer's input alone. */
function inputGradientWork({ inputs, outputs }: Dense, { rows, keepsWeights }: Counting): Work {
  const weights = keepsWeights ? 0 : inputs * outputs;
  return {
    flops: 2 * rows * inputs * outputs,
    read: FLOAT * (rows * outputs + weights),
    written: FLOAT * rows * inputs,
  };
}

/** The gradient of a layer's weights, which stays where it is made. */
function weightGradientWork(layer: Dense, counting: Counting): Work {
  const { rows } = counting;
  const { inputs, outputs, useBias } = layer;
  const dz = rows * outputs;
  return {
    flops: 2 * rows * inputs * outputs + (useBias ? dz : 0),
    read: inputOf(layer, counting) + FLOAT * dz,
    written: 0,
  };
}

/** The last Dense forward, the loss, and the gradient of that layer's input. */
function headWork(at: number, counting: Counting): Work {
  const { layers } = counting.plan;
  const layer = layers[at];
  const forward = stageOf(counting, at).map((each) => forwardWork(each, counting));
  const isBelow = isDense(layer) && goesOnBelow(counting.plan, at);
  return sum([...forward, lossWork(counting), ...(isBelow ? [inputGradientWork(layer, counting)] : [])]);
}

/** All layers' weights and the optimiser, or their gradients to memory. */
function weightsWork(counting: Counting): Work {
  const layers = counting.plan.layers.filter(isTrainedDense);
  const gradients = layers.map((layer) => weightGradientWork(layer, counting));
  return sum([...gradients, updateWork(layers, counting.plan.optimizer, false)]);
}

function gradientsWork(counting: Counting): Work {
  const layers = counting.plan.layers.filter(isTrainedDense);
  const { flops, read } = sum(layers.map((layer) => weightGradientWork(layer, counting)));
  return { flops, read, written: FLOAT * parameters(layers) };
}

function backwardWork(at: number, counting: Counting, computed: number): Work {
  const { plan, rows, together } = counting;
  const layer = plan.layers[at];
  if (layer.kind !== 'dense') return elementwiseBack(layer.kind, layer.width, rows);
  if (together) return inputGradientWork(layer, counting);
  const { inputs, outputs, useBias } = layer;
  const [below, trained] = [goesOnBelow(plan, at), isTrained(layer)];
  const [x, dz, w] = [rows * inputs, rows * outputs, inputs * outputs];
  const share = shareOf(layer, counting, computed);
  return {
    flops: products(below, trained) * 2 * share * rows * w + (trained && useBias ? dz : 0),
    read: (trained ? inputOf(layer, counting) : 0) + FLOAT * (dz + (below ? w : 0)),
    written: FLOAT * (parameters([layer]) + (below ? x : 0)),
  };
}

/** Of a layer's products, those that are computed. */
const shareOf = (layer: Dense, { plan, density }: Counting, computed: number) =>
  layer === plan.layers.find(isDense) && density !== null ? density : computed;
const products = (below: boolean, trained: boolean) => Number(below) + Number(trained);

/** The gradient of the weights stays in registers. */
function backwardUpdateWork(at: number, counting: Counting, computed: number): Work {
  const { plan, rows, keepsWeights } = counting;
  const [layer, ...after] = stageOf(counting, at);
  if (layer.kind !== 'dense') return elementwiseBack(layer.kind, layer.width, rows);
  const { inputs, outputs, useBias } = layer;
  const [below, trained] = [goesOnBelow(plan, at), isTrained(layer)];
  const share = shareOf(layer, counting, computed);
  const [x, dz] = [rows * inputs, rows * outputs];
  const gradients: Work = {
    flops: products(below, trained) * 2 * share * x * outputs + (trained && useBias ? dz : 0),
    read: (trained ? inputOf(layer, counting) : 0) + FLOAT * dz,
    written: below ? FLOAT * x : 0,
  };
  const passes = after.map((each) =>
    isDense(each) ? gradients : elementwiseBack(each.kind, each.width, rows),
  );
  const update = updateWork([layer, ...after], plan.optimizer, false);
  return sum([gradients, keepsWeights ? { flops: update.flops, read: 0, written: 0 } : update, ...passes]);
}
