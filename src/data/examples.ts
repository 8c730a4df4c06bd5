/** The user's x and y, checked once and for all backends, as the contract's Examples. */
import type { Examples, TrainPlan } from '../backend/contract';
import { FusorError } from '../errors';
import type { DataShape } from './data-shape';
import { type ArrayLike, asNDArray, type NDArray } from './ndarray';
import { firstNonFinite } from './scan';
import { targetsOf } from './targets';

/**
 * @param where the calling function and, for a second pair, its name: 'fit', 'fit, validationData'
 * @throws ERR_SHAPE, ERR_DATA_EMPTY, ERR_DATA_MISMATCH, ERR_NONFINITE_INPUT, ERR_LABEL_RANGE
 */
export function examplesOf(fit: DataShape, x: ArrayLike, y: ArrayLike, where: string): Examples {
  const inputs = asNDArray(x, where, 'x');
  checkInputShape(fit, inputs, where);
  const targets = asNDArray(y, where, 'y');
  const rows = inputs.shape[0];
  if (targets.shape[0] !== rows)
    throw new FusorError(
      'ERR_DATA_MISMATCH',
      [
        `x has ${rows} rows, y has ${targets.shape[0]}`,
        `${where}: x [${inputs.shape}], y [${targets.shape}]`,
        'give both as many rows',
      ],
      { xRows: rows, yRows: targets.shape[0] },
    );
  const yRows = targetsOf(fit, targets, where);
  return { rows, x: featuresOf(fit, inputs, where), y: yRows };
}

/** x alone, for predict. */
export function inputsOf(fit: DataShape, x: ArrayLike, where: string): { rows: number; x: Examples['x'] } {
  const inputs = asNDArray(x, where, 'x');
  checkInputShape(fit, inputs, where);
  return { rows: inputs.shape[0], x: featuresOf(fit, inputs, where) };
}

const equal = (a: readonly number[], b: readonly number[]) => String(a) === String(b);

/** As in Keras, a last dimension of 1 may be missing or too much: the numbers lie the same way. */
export function takesRow(inputShape: readonly number[], row: readonly number[]): boolean {
  const trimmed = (sizes: readonly number[]) => (sizes.at(-1) === 1 ? sizes.slice(0, -1) : sizes);
  return (
    equal(row, inputShape) ||
    (Math.abs(row.length - inputShape.length) === 1 && equal(trimmed(row), trimmed(inputShape)))
  );
}

function checkInputShape(
  { plan, inputShape, firstLayer }: DataShape,
  { data, shape }: NDArray,
  where: string,
): void {
  const row = shape.slice(1);
  if (!takesRow(inputShape, row)) {
    const sorted = (sizes: readonly number[]) => [...sizes].sort((a, b) => a - b);
    let mend = '';
    // A flat array, a row by itself, or rows in another shape; other rows than there are would be nonsense.
    const rows = data.length / plan.features;
    const isWhole = shape.length === 1 ? Number.isInteger(rows) : rows === shape[0] || rows === 1;
    if (isWhole && data.length > 0)
      mend = `if the numbers lie in this order: ndarray(data, [${[rows, ...inputShape]}])`;
    if (row.length > 1 && equal(sorted(row), sorted(inputShape)))
      mend = 'the axes seem to be in another order';
    throw new FusorError(
      'ERR_SHAPE',
      [`x has the shape [${shape}], needed is [rows,${inputShape}]`, `${where}, layer "${firstLayer}"`, mend],
      { layer: firstLayer, expected: [...inputShape], received: [...shape] },
    );
  }
  if (shape[0] === 0)
    throw new FusorError('ERR_DATA_EMPTY', ['x has no rows', `${where}: x [${shape}]`, 'give at least one']);
}

/** uint8 stays, float32 is passed on, everything else becomes float32. */
function featuresOf({ plan }: DataShape, { data }: NDArray, where: string): Examples['x'] {
  const kind = data[Symbol.toStringTag];
  if (kind === 'Uint8Array') return data as Uint8Array;
  const x = kind === 'Float32Array' ? (data as Float32Array) : new Float32Array(data);
  const bad = firstNonFinite(x);
  if (bad >= 0) {
    const [sample, feature] = [Math.floor(bad / plan.features), bad % plan.features];
    throw new FusorError(
      'ERR_NONFINITE_INPUT',
      [
        `x holds ${data[bad]}`,
        `${where}, sample ${sample}, feature ${feature}`,
        'every value must be finite in float32',
      ],
      { sample, feature, value: String(data[bad]) },
    );
  }
  return x;
}

/**
 * Of rows that were looked at earlier: their owner may have shrunk or transferred them since.
 * @param rows how many there were then, and what is left of them
 * @throws ERR_ARG
 */
export function checkStillThere(
  { rows, x, y }: Pick<Examples, 'rows' | 'x'> & Partial<Pick<Examples, 'y'>>,
  { features, targets, outputs }: TrainPlan,
  where: string,
): void {
  const changed =
    x.length !== rows * features
      ? 'x'
      : y && y.length !== rows * (targets === 'labels' ? 1 : outputs)
        ? 'y'
        : undefined;
  if (changed === undefined) return;
  throw new FusorError('ERR_ARG', [
    `${changed} has changed its size, or was transferred, since the call`,
    where,
    'give a copy, or leave it alone until the promise is settled',
  ]);
}
