/** Arrays of the user's own as rows to train, validate and test with. */
import { FusorError } from '../errors';
import { sha256 } from './digests';
import type { ByteDataset, LabelledRows } from './entry';
import type { NDArray, NumericArray } from './ndarray';
import type { OpenOptions } from './open-options';
import type { OwnData } from './open-table';
import { Splitter } from './split';
import { arrayInputs } from './table/inputs';
import { hasTextClasses } from './table/layout';
import { orderOf, strangeLabel, type TableSchema, targets } from './table/schema';

export type Given = { train: LabelledRows; test?: LabelledRows };

/** @throws ERR_DATA_MISMATCH, ERR_LABEL_RANGE, ERR_DATA_EMPTY, and, with a schema, what {@link arrayInputs} throws */
export function openArrays(
  name: string,
  file: string,
  given: Given,
  options: OpenOptions,
  folders?: readonly string[],
): OwnData {
  const { validation = 0, test: testShare = 0, seed = 0, limit, schema } = options;
  checkShapes(given, file);
  const asTrained = (rows: LabelledRows) => (schema ? asTable(rows, schema, options, file) : rows);
  const train = asTrained(given.train);
  const test = given.test && asTrained(given.test);
  const classNames = schema ? schema.label.classes : folders;
  const classes = classesOf({ train, test }, file, options, classNames);
  const first =
    limit === undefined
      ? train
      : take(
          train,
          Array.from({ length: Math.min(limit, train.x.shape[0]) }, (_, i) => i),
        );
  const parts = divided(first, classes > 0, [validation, test ? 0 : testShare], seed, file);
  // Pictures are pixels, however dark they are.
  const pixels = schema ? schema.scale === 'bytes' : folders !== undefined || holdsPixels(parts[0]!.x);
  const hash = sha256(
    [given.train, given.test]
      .flatMap((part) => (part ? [digestOf(part.x), digestOf(part.y)] : []))
      .join('\n'),
  );
  return {
    name,
    train: parts[0]!,
    validation: parts[1],
    test: test ?? parts[2],
    sha256: hash,
    classes,
    classNames,
    scale: pixels ? undefined : 1,
    folder: file,
    schema,
  };
}

/** A set that has its own rows to test with: those to validate with come from its training rows. @throws ERR_DATA_EMPTY */
export function withValidation(set: ByteDataset, { validation = 0, seed = 0 }: OpenOptions): OwnData {
  const [train, validate] = divided(set.train, true, [validation, 0], seed, set.folder);
  return { ...set, train: train!, validation: validate };
}

function checkShapes({ train, test }: Given, file: string): void {
  const mismatch = (what: string, mend: string) =>
    new FusorError('ERR_DATA_MISMATCH', [what, file, mend], { file });
  for (const { x, y } of [train, test].filter((rows) => rows !== undefined))
    if (x.shape[0] !== y.shape[0] || x.shape.length < 2)
      throw mismatch(`x has the shape [${x.shape}], y [${y.shape}]`, 'x is [rows, …], y [rows]');
  const width = ({ data, shape }: NDArray) => data.length / shape[0];
  for (const part of ['x', 'y'] as const)
    if (test && width(test[part]) !== width(train[part]))
      throw mismatch(
        `${part} has the shape [${train[part].shape}] to train with but [${test[part].shape}] to test with`,
        'give both rows of one shape',
      );
}

/** Rows as those of the table were taken that the schema is of. */
function asTable(
  { x, y }: LabelledRows,
  schema: TableSchema,
  { missing }: OpenOptions,
  file: string,
): LabelledRows {
  const mean = missing === 'mean' ? 'mean' : 'error';
  return { x: arrayInputs(schema, x, file, mean), y: numbered(y, schema, file) };
}

/** Labels that are numbers, as the numbers of their classes; of text they are these already. */
function numbered(y: NDArray, schema: TableSchema, file: string): NDArray {
  const { classes } = schema.label;
  if (!classes || hasTextClasses(schema) || !y1(y)) return y;
  const order = orderOf(classes);
  const row = y.data.findIndex((label) => !order.has(label));
  if (row >= 0) throw strangeLabel(y.data[row], classes, file, `${file}, row ${row}`);
  return { data: targets(Float32Array.from(y.data), order).data, shape: y.shape };
}

/** How many there are; 0 for values. */
function classesOf(
  { train, test }: Given,
  file: string,
  { task, classes: given, schema }: OpenOptions,
  classNames: readonly string[] | undefined,
): number {
  const wanted = schema ? (classNames ? 'classification' : 'regression') : task;
  const greatest = greatestLabel(train.y);
  const classified =
    wanted === 'classification' || (wanted !== 'regression' && greatest !== undefined && greatest < 1000);
  if (!classified) return 0;
  const refuse = (what: string, mend: string) =>
    new FusorError('ERR_LABEL_RANGE', [what, file, mend], { file });
  const classes = classNames?.length ?? given ?? Math.max(2, (greatest ?? 0) + 1);
  for (const y of [train.y, ...(test ? [test.y] : [])]) {
    const label = greatestLabel(y);
    if (label === undefined) throw refuse('labels are not integers from 0', 'number the classes from 0');
    if (label >= classes)
      throw refuse(`label ${label}, expected 0 … ${classes - 1}`, 'mend the labels, or --classes');
  }
  return classes;
}

/** Of labels in one column that are integers from 0. */
function greatestLabel(y: NDArray): number | undefined {
  const column = y1(y)?.data;
  return column?.every((value) => Number.isInteger(value) && value >= 0) ? greatestOf(column) : undefined;
}

/** Shares of the rows, the same of each class, chosen by the seed. @throws ERR_DATA_EMPTY */
function divided(
  rows: LabelledRows,
  classified: boolean,
  shares: readonly [validation: number, test: number],
  seed: number,
  file: string,
): (LabelledRows | undefined)[] {
  const count = rows.x.shape[0];
  const parts = new Splitter(shares, seed).assign(count, classified ? rows.y.data : undefined);
  const made = [0, 1, 2].map((part) => {
    const its = Array.from(parts.keys()).filter((row) => parts[row] === part);
    return its.length === 0 ? undefined : its.length === count ? rows : take(rows, its);
  });
  if (made[0] && shares.every((share, i) => share === 0 || made[i + 1])) return made;
  throw new FusorError(
    'ERR_DATA_EMPTY',
    [`${count} rows are too few to split`, file, 'give more rows, or other shares'],
    { file },
  );
}

/** Bytes of which none is above 1 are flags: numpy's booleans, words of a text, pictures in black and white. */
function holdsPixels({ data }: NDArray): boolean {
  return data[Symbol.toStringTag] === 'Uint8Array' && data.some((value) => value > 1);
}

/** Labels as one column, or nothing where there are more. */
function y1({ data, shape }: NDArray): NDArray | undefined {
  return data.length === shape[0] ? { data, shape: [shape[0]] } : undefined;
}

function greatestOf(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
}

function digestOf({ data, shape }: NDArray): string {
  return `${shape} ${sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`;
}

function take({ x, y }: LabelledRows, rows: readonly number[]): LabelledRows {
  const some = ({ data, shape }: NDArray): NDArray => {
    const width = data.length / shape[0];
    const out = new (data.constructor as new (length: number) => NumericArray)(rows.length * width);
    rows.forEach((row, to) => {
      out.set(data.subarray(row * width, (row + 1) * width), to * width);
    });
    return { data: out, shape: [rows.length, ...shape.slice(1)] };
  };
  return { x: some(x), y: some(y) };
}
