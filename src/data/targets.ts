import type { Examples } from '../backend/contract';
import { FusorError } from '../errors';
import type { DataShape } from './data-shape';
import { labelRange } from './labels';
import type { NDArray } from './ndarray';
import { firstBadLabel, firstNonFinite } from './scan';
import { smoothed } from './smoothing';

/** How far the sum of a row of class probabilities may be from 1. */
const SUM_TOLERANCE = 1e-3;

/** y as the plan's loss takes it, in the contract's types. */
export function targetsOf(fit: DataShape, y: NDArray, where: string): Examples['y'] {
  return fit.plan.targets === 'labels' ? labelsOf(fit, y, where) : valuesOf(fit, y, where);
}

function refuse(
  { plan, lastLayer }: DataShape,
  { shape }: NDArray,
  where: string,
  wanted: string,
  mend: string,
): never {
  throw new FusorError(
    'ERR_SHAPE',
    [
      `y has the shape [${shape}], ${plan.loss.kind} needs ${wanted}`,
      `${where}, layer "${lastLayer}" with ${plan.outputs} outputs`,
      mend,
    ],
    { layer: lastLayer, loss: plan.loss.kind, outputs: plan.outputs, received: [...shape] },
  );
}

function labelsOf(fit: DataShape, y: NDArray, where: string): Int32Array {
  const { data, shape } = y;
  const single = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  const oneHot = shape.length === 2 && shape[1] === fit.plan.outputs;
  if (!single)
    refuse(
      fit,
      y,
      where,
      '[rows] class labels',
      oneHot ? "for one-hot rows use 'categoricalCrossentropy'" : '',
    );
  const bad = firstBadLabel(data, fit.plan.outputs);
  if (bad >= 0)
    throw labelRange(
      `${where}, y`,
      bad,
      data[bad],
      fit.plan.outputs,
      `layer "${fit.lastLayer}" has ${fit.plan.outputs} outputs`,
    );
  return data[Symbol.toStringTag] === 'Int32Array' ? (data as Int32Array) : new Int32Array(data);
}

function valuesOf(fit: DataShape, y: NDArray, where: string): Float32Array {
  const { plan } = fit;
  const { data, shape } = y;
  const fits =
    (shape.length === 2 && shape[1] === plan.outputs) || (shape.length === 1 && plan.outputs === 1);
  if (!fits) {
    const labels = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
    let mend = '';
    if (labels && plan.loss.kind === 'categoricalCrossentropy')
      mend = "for class labels use 'sparseCategoricalCrossentropy' or toCategorical(y)";
    // Images to be made anew, as an autoencoder has them: outputs are always flat.
    else if (data.length === shape[0] * plan.outputs)
      mend = `if the numbers lie in this order: ndarray(data, [${shape[0]},${plan.outputs}])`;
    refuse(fit, y, where, `[rows,${plan.outputs}]`, mend);
  }
  const values =
    data[Symbol.toStringTag] === 'Float32Array' ? (data as Float32Array) : new Float32Array(data);
  const bad = firstNonFinite(values);
  if (bad >= 0) {
    const [sample, output] = [Math.floor(bad / plan.outputs), bad % plan.outputs];
    throw new FusorError(
      'ERR_NONFINITE_INPUT',
      [
        `y holds ${data[bad]}`,
        `${where}, sample ${sample}, output ${output}`,
        'every value must be finite in float32',
      ],
      { sample, output, value: String(data[bad]) },
    );
  }
  if (plan.loss.kind.endsWith('Crossentropy')) checkProbabilities(fit, values, where);
  return smoothed(plan.loss, values, plan.outputs);
}

/** Targets of cross-entropies are probabilities; those over classes sum to 1. */
function checkProbabilities({ plan }: DataShape, values: Float32Array, where: string): void {
  const width = plan.outputs;
  for (let i = 0; i < values.length; i++) {
    if (values[i] >= 0 && values[i] <= 1) continue;
    const mend =
      plan.loss.kind === 'binaryCrossentropy' ? '' : "for class labels use 'sparseCategoricalCrossentropy'";
    throw new FusorError(
      'ERR_LABEL_RANGE',
      [
        `target ${values[i]} is not from 0 to 1`,
        `${where}, y, row ${Math.floor(i / width)}, output ${i % width}`,
        mend,
      ],
      { index: Math.floor(i / width), output: i % width, value: values[i], range: [0, 1] },
    );
  }
  if (plan.loss.kind !== 'categoricalCrossentropy') return;
  for (let row = 0; row * width < values.length; row++) {
    let sum = 0;
    for (let i = row * width; i < (row + 1) * width; i++) sum += values[i];
    if (Math.abs(sum - 1) <= SUM_TOLERANCE) continue;
    throw new FusorError(
      'ERR_LABEL_RANGE',
      [
        `a row of class probabilities sums to ${Number(sum.toPrecision(6))}, not 1`,
        `${where}, y, row ${row}`,
        "for independent outputs use 'binaryCrossentropy'",
      ],
      { index: row, value: sum, range: [1 - SUM_TOLERANCE, 1 + SUM_TOLERANCE] },
    );
  }
}
