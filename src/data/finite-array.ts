/** Arrays of the user's own, checked as they are read: once their rows are divided, nobody knows where one stood in its file. */
import { FusorError } from '../errors';
import type { NDArray } from './ndarray';
import { firstNonFinite } from './scan';

/**
 * The array, whose first `rows` are finite in float32.
 * @param name of the array in the file; its rows and columns count from 0, as numpy's do
 * @throws ERR_NONFINITE_INPUT
 */
export function finiteArray(array: NDArray, name: string, file: string, rows = array.shape[0]): NDArray {
  const { data, shape } = array;
  const width = data.length / shape[0];
  const used = data.subarray(0, Math.min(rows, shape[0]) * width);
  const bad = firstNonFinite(used[Symbol.toStringTag] === 'Float64Array' ? new Float32Array(used) : used);
  if (bad < 0) return array;
  const index = indexOf(bad, shape);
  const [row, column] = index;
  const place = shape.length === 2 ? `row ${row}, column ${column}` : `row ${row}`;
  throw new FusorError(
    'ERR_NONFINITE_INPUT',
    [
      `${name} holds ${data[bad]}`,
      `${file}, ${place}`,
      `mend ${name}[${index.join(', ')}]: every value must be finite in float32`,
    ],
    { file, array: name, index, value: String(data[bad]) },
  );
}

/** Of an element, along each axis. */
function indexOf(at: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  for (let rest = at, axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return index;
}
