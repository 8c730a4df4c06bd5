/** Class labels: one-hot rows of them, and the error of one that names no class. */
import { integer, reading } from '../arguments';
import { FusorError } from '../errors';
import { asNDArray, type NDArray, type NumericArray } from './ndarray';
import { firstBadLabel } from './scan';

/**
 * One-hot rows of class labels, float32 [rows, classes].
 * @param labels integers from 0
 * @param classes number of classes; by default the greatest label + 1
 * @throws ERR_LABEL_RANGE with the first bad label's index, value and range
 */
export function toCategorical(
  labels: NDArray | NumericArray | readonly number[],
  classes?: number,
): NDArray<Float32Array> {
  const where = 'toCategorical';
  const { data } = reading(where, () => asNDArray(labels, where, 'labels'));
  let width = classes ?? 0;
  if (classes === undefined) for (const label of data) width = Math.max(width, label + 1);
  else integer(where, 'classes', classes, { min: 1, max: 2 ** 24 });
  const index = firstBadLabel(data, width);
  if (index >= 0) throw labelRange(where, index, data[index], width, 'toCategorical(labels, classes)');
  const out = new Float32Array(data.length * width);
  for (let i = 0; i < data.length; i++) out[i * width + data[i]] = 1;
  return { data: out, shape: [data.length, width] };
}

/** The error of a label that does not name a class. */
export function labelRange(
  where: string,
  index: number,
  value: number,
  classes: number,
  mend = '',
): FusorError {
  return new FusorError(
    'ERR_LABEL_RANGE',
    [`label ${value} is not an integer from 0 to ${classes - 1}`, `${where}, label ${index}`, mend],
    { index, value: Number.isFinite(value) ? value : String(value), range: [0, classes - 1] },
  );
}
