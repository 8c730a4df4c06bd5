import { described, oddities } from '../../../src/cli/train/remarks';
import type { OwnData } from '../../../src/data/open-table';

const category = (...categories: string[]) => ({ name: 'c', kind: 'category', categories });
const dataOf = (column: object, values: number[]) =>
  ({
    train: {
      x: { data: Float32Array.from(values, (_, i) => i), shape: [values.length, 1] },
      y: { data: Float32Array.from(values), shape: [values.length] },
    },
    classes: 0,
    schema: { columns: [column], label: { name: 'y' }, scale: 'standard' },
  }) as unknown as OwnData;

test.each([
  ['one that is text among numbers', category('1', '2', 'N-A'), [], 'warning: c holds numbers, and "N-A"'],
  ['the same, meant so', category('1', '2', 'N-A'), ['c'], undefined],
  ['numbers in quotes', category('1', '2'), [], undefined],
  ['text', category('near', 'far', '3'), [], undefined],
])('categories: %s', (_, column, categorical, said) => {
  const lines = oddities(dataOf(column, [1, 2]), categorical);
  expect(lines).toEqual(said ? [expect.stringContaining(said)] : []);
});

const names = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`);

test.each([
  [
    'decimal commas',
    ['1,5', '2,25', '1.234,5', '3'],
    'c holds numbers written as "1,5", "2,25", "1.234,5": so it became 4 categories',
  ],
  [
    'money, shares, thousands',
    ['$1,234.50', '12 %', "1'000", '€ 7'],
    'c holds numbers written as "$1,234.50"',
  ],
  ['days and versions', ['2026-11-30', '1.2.3', '12:30', 'a, b'], undefined],
  ['a name a row', names(25), 'c became 25 categories in 40 rows: what names single rows'],
  ['names of two rows each', names(20), undefined],
])('text: %s', (_, categories, said) => {
  const lines = oddities(dataOf(category(...categories), [...Array(40).keys()]), []);
  expect(lines).toEqual(said ? [expect.stringContaining(said)] : []);
  expect(oddities(dataOf(category(...categories), [...Array(40).keys()]), ['c'])).toEqual([]);
});

test.each([
  [
    'decimal commas',
    ['1,5', '2,5'],
    'the label y holds numbers written as "1,5", "2,5": so it became 2 classes; to predict a value write them as 1234.5',
  ],
  [
    'a name a row',
    names(25),
    'the label y became 25 classes in 40 rows, too few of each to learn from: name another',
  ],
  [
    'a number a row',
    names(25).map((name) => name.slice(1)),
    'where it is a value, say --loss meanSquaredError',
  ],
  ['a few', names(20), undefined],
])('classes: %s', (_, classes, said) => {
  const data = dataOf(category('a', 'b'), [...Array(40).keys()]);
  data.schema!.label.classes = classes;
  expect(oddities(data, [])).toEqual(said ? [expect.stringContaining(said)] : []);
  expect(oddities(data, ['y'])).toEqual([]);
});

test.each([
  [
    'seconds of an hour',
    1.7e9,
    1000,
    'warning: c has numbers of about 1.70e+9, of which float32 has every 128th',
  ],
  ['seconds of a year', 1.7e9, 1e7, undefined],
  ['small ones, all the same', 5, 0, undefined],
])('numbers close together: %s', (_, mean, deviation, said) => {
  const lines = oddities(dataOf({ name: 'c', kind: 'number', mean, deviation }, [1, 2]), []);
  expect(lines).toEqual(said ? [expect.stringContaining(said)] : []);
});

test.each([
  [
    Float32Array.of(1, 2),
    1,
    0,
    'd.npz: 1x2 numbers a row, as they are, to predict a value; rows to train, validate, test: 1, 0, 0',
  ],
  [Uint8Array.of(0, 1), 1, 2, '1x2 numbers a row, bytes as they are: none is above 1, to predict 2 classes'],
  [Uint8Array.of(0, 9), undefined, 3, '1x2 numbers a row, bytes / 255, to predict 3 classes'],
])('what arrays were taken for: %p', (data, scale, classes, said) => {
  const train = { x: { data, shape: [1, 1, 2] }, y: { data: Uint8Array.of(0), shape: [1] } };
  const own = { train, classes, scale, folder: 'd.npz' } as unknown as OwnData;
  expect(described(own)).toContain(said);
});

test.each([
  [[2, 3], 'input'],
  [[2, 3, 1], 'pixel'],
])('what is all the same, of the shape %j, is called %s', (shape, called) => {
  const train = { x: { data: new Float32Array(6), shape }, y: { data: Uint8Array.of(0, 1), shape: [2] } };
  expect(oddities({ train } as unknown as OwnData, [])).toEqual([
    `warning: every ${called} is 0: there is nothing to learn from`,
  ]);
});
