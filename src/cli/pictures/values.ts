/** What a model that predicts values does on its test rows: predicted against true. */
import type { LabelledRows } from '../../data/entry';
import type { NDArray } from '../../index';
import type { Curves } from '../../report/curves';

const MOST_POINTS = 2000;

export interface ValuePicture {
  figure: Curves;
  /** R² and the errors, in a line. */
  says: string;
}

/** @param predictions [rows, outputs], of the size of the targets */
export function valuePicture({ y }: LabelledRows, { data }: NDArray<Float32Array>): ValuePicture | undefined {
  const truth = y.data;
  if (truth.length !== data.length || truth.length < 2) return undefined;
  const mean = sumOf(truth, (value) => value) / truth.length;
  const error = (_: number, i: number) => data[i] - truth[i];
  const squares = sumOf(truth, (value, i) => error(value, i) ** 2);
  const spread = sumOf(truth, (value) => (value - mean) ** 2);
  let greatest = 0;
  for (let i = 0; i < truth.length; i++) greatest = Math.max(greatest, Math.abs(data[i] - truth[i]));
  const every = Math.ceil(truth.length / MOST_POINTS);
  const points: [number, number][] = [];
  for (let i = 0; i < truth.length; i += every) points.push([truth[i], data[i]]);
  const shown = points.flat();
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  const r2 = spread > 0 ? `R² ${(1 - squares / spread).toFixed(4)} · ` : '';
  const rmse = Math.sqrt(squares / truth.length);
  return {
    figure: {
      title: 'Predicted against true',
      note: `${points.length} test values · dotted: where they are equal`,
      legend: [],
      curves: [{ series: 0, points, dots: true }],
      // From end to end of both: the axes are alike.
      limit: [
        [least, least],
        [most, most],
      ],
      x: 'true',
      y: 'predicted',
      square: true,
    },
    says: `${r2}root mean square error ${rmse.toPrecision(4)} · greatest error ${greatest.toPrecision(4)}`,
  };
}

function sumOf(values: ArrayLike<number>, term: (value: number, i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += term(values[i], i);
  return sum;
}
