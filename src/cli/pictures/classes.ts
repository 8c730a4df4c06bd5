/** What a classifier does on its test rows: the confusion matrix, a table by class, the worst misses; and its first weights. */
import type { LabelledRows } from '../../data/entry';
import type { Model, NDArray } from '../../index';
import { classFigures, confusionMatrix, confusionOf, matrixNames } from '../../report/confusion';
import type { Drawing } from '../../report/svg';
import { type Tile, tiles, weightPixels } from '../../report/tiles';

/** Classes that there is room for. */
export const MOST_CLASSES = { matrix: 100, table: 1000 };
const MISSES = 20;
const UNITS = 40;

export interface ClassPictures {
  classes: number;
  matrix?: Drawing;
  /** Title row first. */
  table?: string[][];
  /** Of images only. */
  missed?: Drawing;
}

/** @param predictions [rows, classes], or [rows, 1]: the probability of class 1 */
export function classPictures(
  test: LabelledRows,
  predictions: NDArray<Float32Array>,
  classNames: readonly string[] = [],
): ClassPictures | undefined {
  const outputs = predictions.shape[1];
  const classes = Math.max(2, outputs);
  const truth = test.y.data;
  if (truth.some((label) => label >= classes)) return undefined;
  const chance = (row: number, c: number) => {
    const { data } = predictions;
    return outputs > 1 ? data[row * outputs + c] : c === 1 ? data[row] : 1 - data[row];
  };
  const predicted = Int32Array.from(truth, (_, row) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (chance(row, c) > chance(row, best)) best = c;
    return best;
  });
  const names = Array.from({ length: classes }, (_, c) => classNames[c] ?? String(c));
  // As large as the square of the classes.
  const counts = classes <= MOST_CLASSES.table ? confusionOf(truth, predicted, classes) : [];
  const misses = Array.from(truth.keys())
    .filter((row) => predicted[row] !== truth[row])
    .sort((a, b) => chance(a, truth[a]) - chance(b, truth[b]))
    .slice(0, MISSES);
  const percent = (value: number) => (Number.isNaN(value) ? '–' : `${(100 * value).toFixed(1)} %`);
  const shownNames = matrixNames(names);
  const rows = classFigures(counts).map((of, c) => [
    shownNames[c],
    String(of.rows),
    ...[of.precision, of.recall, of.f1].map(percent),
  ]);
  const shown = misses.flatMap((row): Tile[] => {
    const image = imageOf(test.x, row);
    if (!image) return [];
    const lines = [names[predicted[row]], `not ${names[truth[row]]}`, percent(chance(row, predicted[row]))];
    return [{ ...image, lines }];
  });
  return {
    classes,
    ...(classes <= MOST_CLASSES.matrix && { matrix: confusionMatrix(counts, names) }),
    ...(rows.length > 0 && { table: [['class', 'rows', 'precision', 'recall', 'F1'], ...rows] }),
    ...(shown.length > 0 && { missed: tiles('Worst misses', shown) }),
  };
}

/** Row `row` of [rows, height, width, 1 or 3], where it is of bytes. */
function imageOf({ data, shape }: LabelledRows['x'], row: number): Omit<Tile, 'lines'> | undefined {
  const [, height, width, channels] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3)) return undefined;
  const size = height * width * channels;
  return { pixels: Uint8Array.from(data.subarray(row * size, (row + 1) * size)), width, height, channels };
}

/** The kernels of the first Dense layer as images, where its inputs are one: what each unit looks for. */
export async function weightPicture(model: Model): Promise<Drawing | undefined> {
  const [height, width, channels = 1] = model.inputShape;
  const kernel = (await model.getWeights()).find(({ shape }) => shape.length === 2);
  if (!kernel || model.inputShape.length < 2 || height * width * channels !== kernel.shape[0])
    return undefined;
  const [inputs, units] = kernel.shape;
  const all = Array.from({ length: Math.min(units, UNITS) }, (_, unit): Tile => {
    const weights = Float32Array.from({ length: inputs }, (__, input) => kernel.data[input * units + unit]);
    return { pixels: weightPixels(weights, height * width, channels), width, height, channels: 3, lines: [] };
  });
  return tiles('Weights of the first layer', all);
}
