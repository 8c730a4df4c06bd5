/** What the columns of a table become: the same for every row that a model is to see. JSON-safe. */
import { FusorError } from '../../errors';
import type { NDArray } from '../ndarray';

export type TableColumn =
  | { name: string; kind: 'number'; mean: number; deviation: number }
  /** One output a category, 1 where the row has it. */
  | { name: string; kind: 'category'; categories: string[] };

export interface TableSchema {
  columns: TableColumn[];
  label: {
    name: string;
    /** The classes in their order; absent where a value is predicted. */
    classes?: string[];
    /** Of values, in the rows that train. */
    mean?: number;
    deviation?: number;
    /** Whether classes are text, though they may look like numbers; by default where one is no number. */
    text?: boolean;
  };
  /** 'bytes': all columns are integers from 0 to 255, kept as uint8; 'standard': numbers less their mean, over their deviation. */
  scale: 'bytes' | 'standard' | 'none';
  /** Of a CSV whose commas between digits were decimal points: other CSV is read so, unless it is said how. */
  decimal?: ',';
}

/** Whether a file's JSON is one. */
export function isTableSchema(value: unknown): value is TableSchema {
  const { columns, label, scale, decimal } = Object(value) as Partial<TableSchema>;
  const isText = (name: unknown) => typeof name === 'string';
  const isColumn = (column: unknown) => {
    const { name, kind, mean, deviation, categories } = Object(column);
    if (kind === 'category') return isText(name) && Array.isArray(categories) && categories.every(isText);
    return kind === 'number' && isText(name) && Number.isFinite(mean) && Number.isFinite(deviation);
  };
  const { name, classes = [], text = false, mean = 0, deviation = 0 } = Object(label);
  return (
    Array.isArray(columns) &&
    columns.length > 0 &&
    columns.every(isColumn) &&
    isText(name) &&
    Array.isArray(classes) &&
    classes.every(isText) &&
    typeof text === 'boolean' &&
    Number.isFinite(mean) &&
    Number.isFinite(deviation) &&
    ['bytes', 'standard', 'none'].includes(scale as string) &&
    [undefined, ','].includes(decimal)
  );
}

/** Numbers a row of x. */
export function widthOf({ columns }: TableSchema): number {
  return columns.reduce(
    (sum, column) => sum + (column.kind === 'category' ? column.categories.length : 1),
    0,
  );
}

/** Rows as they were stored, a number a column, as the model takes them. Missing numbers become the mean. */
export function expand(
  { columns, scale }: TableSchema,
  values: Float32Array | Uint8Array,
  rows: number,
): Float32Array | Uint8Array {
  if (scale === 'bytes' && values[Symbol.toStringTag] === 'Uint8Array') return values;
  const width = widthOf({ columns } as TableSchema);
  const x = new Float32Array(rows * width);
  const stored = columns.length;
  let to = 0;
  for (const [from, column] of columns.entries()) {
    if (column.kind === 'category') {
      for (let row = 0; row < rows; row++) x[row * width + to + values[row * stored + from]] = 1;
      to += column.categories.length;
      continue;
    }
    const { mean } = column;
    const [offset, factor] = scale === 'standard' ? [mean, 1 / (column.deviation || 1)] : [0, 1];
    for (let row = 0; row < rows; row++) {
      const value = values[row * stored + from];
      x[row * width + to] = ((Number.isNaN(value) ? mean : value) - offset) * factor;
    }
    to++;
  }
  return x;
}

/** Of classes that are numbers, as they were in training, the number of each. */
export function orderOf(classes: readonly string[]): Map<number, number> {
  return new Map(classes.map((name, i) => [Number(name), i]));
}

/** The error of a label that is none of them. */
export function strangeLabel(
  label: number,
  classes: readonly string[],
  file: string,
  where = file,
): FusorError {
  return new FusorError(
    'ERR_LABEL_RANGE',
    [`label ${label} was not there in training`, where, `there were ${classes.slice(0, 12).join(', ')}`],
    { file, value: label },
  );
}

/** Labels as stored: the class's number, or the value. @param order of each stored class its number; absent: values */
export function targets(labels: Float32Array, order: ReadonlyMap<number, number> | undefined): NDArray {
  const shape = [labels.length];
  if (!order) return { data: labels, shape };
  const data = order.size <= 256 ? new Uint8Array(labels.length) : new Int32Array(labels.length);
  labels.forEach((label, row) => {
    data[row] = order.get(label)!;
  });
  return { data, shape };
}
