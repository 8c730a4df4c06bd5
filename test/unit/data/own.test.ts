import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { readNpy } from '../../../src/data/npy';
import { imagesToPredict } from '../../../src/data/open';
import { datasets, type LabelledRows, type OwnData } from '../../../src/index';
import { writeFiles } from '../../support/data-sets';
import { idxBytes } from '../../support/idx';
import { npyBytes } from '../../support/npy';
import { temporaryFolder } from '../../support/script';

const folder = temporaryFolder();
let count = 0;
const fresh = () => join(folder, `own-${count++}`);
const file = (name: string, bytes: Uint8Array) => {
  const path = `${fresh()}-${name}`;
  writeFileSync(path, bytes);
  return path;
};

test.each([
  ['|u1', Uint8Array.of(1, 2, 3, 4, 5, 250)],
  ['<i4', Int32Array.of(1, -2, 3, 4, 5, 6)],
  ['<f4', Float32Array.of(1.5, -2, 3, 4, 5, 6)],
  ['<f8', Float64Array.of(1.5, -2, 3, 4, 5, 1e300)],
])('an array of numpy, %s', (descr, values) => {
  expect(readNpy(file('x.npy', npyBytes(descr, [2, 3], values)))).toEqual({ data: values, shape: [2, 3] });
});

test('int64 and Fortran order', () => {
  const values = BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n);
  const { data, shape } = readNpy(file('x.npy', npyBytes('<i8', [2, 3], values, true)));
  expect([[...data], shape]).toEqual([
    [1, 3, 5, 2, 4, 6],
    [2, 3],
  ]);
});

const x = npyBytes(
  '<f4',
  [10, 2],
  Float32Array.from({ length: 20 }, (_, i) => i),
);
const y = npyBytes(
  '<i8',
  [10],
  BigInt64Array.from({ length: 10 }, (_, i) => BigInt(i % 2)),
);

test('an archive with x and y is split, one with x_test is not', async () => {
  const {
    train,
    validation,
    test: held,
    classes,
    scale,
  } = await datasets.open(file('a.npz', zipSync({ 'x.npy': x, 'y.npy': y })), {
    validation: 0.2,
    test: 0.2,
    seed: 1,
  });
  expect([train, validation, held].map((rows) => (rows as LabelledRows).y.shape)).toEqual([[6], [2], [2]]);
  // Stratified: one of each class.
  expect([...(held as LabelledRows).y.data].sort()).toEqual([0, 1]);
  expect([classes, scale]).toEqual([2, 1]);
  const members = { 'x_train.npy': x, 'y_train.npy': y, 'x_test.npy': x, 'y_test.npy': y };
  const whole = await datasets.open(file('b.npz', zipSync(members)), { test: 0.2 });
  expect((whole.test as LabelledRows).x.shape).toEqual([10, 2]);
});

describe('bytes are pixels where one is above 1', () => {
  const bits = Uint8Array.from({ length: 20 }, (_, i) => i % 2);
  const open = (descr: string, values: Uint8Array, more = {}) =>
    datasets.open(file('b.npz', zipSync({ 'x.npy': npyBytes(descr, [10, 2], values), 'y.npy': y })), more);

  test.each([
    ['booleans', '|b1', bits, 1],
    ['bytes of 0 and 1', '|u1', bits, 1],
    ['pixels', '|u1', bits.with(7, 2), undefined],
  ])('%s', async (_, descr, values, scale) => {
    const data = await open(descr, values);
    expect([data.scale, (data.train as LabelledRows).x.data]).toEqual([scale, values]);
  });

  test('of the rows that train', async () => {
    const whole = { 'x_train.npy': npyBytes('|u1', [10, 2], bits), 'y_train.npy': y };
    const tests = { 'x_test.npy': npyBytes('|u1', [10, 2], bits.with(7, 2)), 'y_test.npy': y };
    expect((await datasets.open(file('b.npz', zipSync({ ...whole, ...tests })))).scale).toBe(1);
  });
});

test('.npy and IDX take their labels from a second file; values are no classes', async () => {
  const labels = file(
    'y.npy',
    npyBytes(
      '<f8',
      [10],
      Float64Array.from({ length: 10 }, (_, i) => i / 4),
    ),
  );
  expect((await datasets.open(file('x.npy', x), { label: labels })).classes).toBe(0);
  const images = file('images-idx3-ubyte', idxBytes([6, 2, 2], new Uint8Array(24)));
  const digits = file('labels-idx1-ubyte', idxBytes([6], Uint8Array.of(0, 1, 2, 0, 1, 2)));
  const { train, classes } = await datasets.open(images, { label: digits });
  expect([(train as LabelledRows).x.shape, classes]).toEqual([[6, 2, 2, 1], 3]);
});

describe('what is not finite in float32 is named by file, array and row, before rows are divided', () => {
  const holding = (value: number, at: number, shape: readonly number[]) => {
    const values = new Float64Array(shape.reduce((product, size) => product * size, 1)).fill(1);
    values[at] = value;
    return npyBytes('<f8', shape, values);
  };
  const archive = (arrays: Record<string, Uint8Array>) =>
    file('nan.npz', zipSync(Object.fromEntries(Object.entries(arrays).map(([k, v]) => [`${k}.npy`, v]))));

  test.each([
    ['x', { x: holding(Number.NaN, 15, [10, 2]), y }, 'x holds NaN', 'row 7, column 1', 'x[7, 1]'],
    ['beyond float32', { x: holding(1e300, 15, [10, 2]), y }, 'x holds 1e+300', 'row 7, column 1', 'x[7, 1]'],
    ['pictures', { x: holding(Number.NaN, 47, [10, 2, 3]), y }, 'x holds NaN', 'row 7', 'x[7, 1, 2]'],
    ['y', { x, y: holding(-Infinity, 7, [10]) }, 'y holds -Infinity', 'row 7', 'y[7]'],
    [
      'x to test with',
      { x_train: x, y_train: y, x_test: holding(Number.NaN, 15, [10, 2]), y_test: y },
      'x_test holds NaN',
      'row 7, column 1',
      'x_test[7, 1]',
    ],
  ])('%s', async (_, arrays, what, row, index) => {
    const path = archive(arrays);
    for (const seed of [1, 2])
      await expect(datasets.open(path, { validation: 0.2, test: 0.2, seed })).rejects.toMatchObject({
        code: 'ERR_NONFINITE_INPUT',
        message: `${what} · ${path}, ${row} · mend ${index}: every value must be finite in float32`,
      });
  });

  test('in .npy, and in the file of its labels', async () => {
    const [good, bad] = [file('x.npy', x), file('bad.npy', holding(Number.NaN, 15, [10, 2]))];
    const [labels, odd] = [file('y.npy', y), file('odd.npy', holding(Number.NaN, 7, [10]))];
    await expect(datasets.open(bad, { label: labels })).rejects.toThrow(`${bad}, row 7, column 1`);
    await expect(datasets.open(good, { label: odd })).rejects.toThrow(`y holds NaN · ${odd}, row 7 ·`);
  });

  test('not beyond the limit', async () => {
    const path = archive({ x: holding(Number.NaN, 15, [10, 2]), y });
    expect(((await datasets.open(path, { limit: 7 })).train as LabelledRows).x.shape).toEqual([7, 2]);
    await expect(datasets.open(path, { limit: 8 })).rejects.toThrow('row 7, column 1');
  });
});

test('rows to test with that are not as those to train with', async () => {
  const members = { 'x_train.npy': x, 'y_train.npy': y, 'y_test.npy': y };
  const narrow = npyBytes('<f4', [10, 1], new Float32Array(10));
  const far = npyBytes('|u1', [10], Uint8Array.of(0, 1, 2, 3, 0, 1, 2, 3, 0, 1));
  await expect(
    datasets.open(file('n.npz', zipSync({ ...members, 'x_test.npy': narrow }))),
  ).rejects.toMatchObject({ code: 'ERR_DATA_MISMATCH', message: /\[10,2\].*\[10,1\] to test/ });
  await expect(
    datasets.open(file('f.npz', zipSync({ ...members, 'x_test.npy': x, 'y_test.npy': far }))),
  ).rejects.toMatchObject({ code: 'ERR_LABEL_RANGE', message: /label 3, expected 0 … 1/ });
});

describe('arrays for a model of a table', () => {
  const table = 'a,b,kind\n1,300,7\n2,,9\n4,500,7\n';
  const rows = Float64Array.of(1, 300, 2, Number.NaN, 4, 500);
  const open = async (labels: Uint8Array, missing: 'mean' | 'error', ...shape: number[]) => {
    const path = file('t.csv', Buffer.from(table));
    const text = await datasets.open(path, { label: 'kind', missing: 'mean' });
    const npz = zipSync({ 'x.npy': npyBytes('<f8', shape, rows), 'y.npy': npyBytes('|u1', [3], labels) });
    return [text, await datasets.open(file('t.npz', npz), { schema: text.schema, missing })];
  };

  test('become what its text becomes', async () => {
    const [text, array] = await open(Uint8Array.of(7, 9, 7), 'mean', 3, 2);
    const seen = ({ train, classes, classNames, scale, schema }: OwnData) => {
      const { x: inputs, y: labels } = train as LabelledRows;
      return [inputs, [...labels.data], classes, classNames, scale, schema];
    };
    expect(seen(array)).toEqual(seen(text));
  });

  test.each([
    ['of another shape', [7, 9, 7], 'mean', [3, 1, 2], 'ERR_SHAPE', /\[1,2\].*2 columns.*a, b/],
    ['with empty numbers', [7, 9, 7], 'error', [3, 2], 'ERR_DATA_FORMAT', /NaN in column "b".*row 1/],
    ['of another class', [7, 9, 8], 'mean', [3, 2], 'ERR_LABEL_RANGE', /label 8 .*row 2.*7, 9/],
  ] as const)('%s: refused', async (_, labels, missing, shape, code, message) => {
    await expect(open(Uint8Array.from(labels), missing, ...shape)).rejects.toMatchObject({ code, message });
  });

  test('of categories: refused', async () => {
    const { schema } = await datasets.open(file('t.csv', Buffer.from('a,b,y\n1,x,0.5\n2,y,1.5\n')), {
      label: 'y',
    });
    const opening = datasets.open(file('a.npz', zipSync({ 'x.npy': x, 'y.npy': y })), { schema });
    await expect(opening).rejects.toMatchObject({ code: 'ERR_DATA_FORMAT', message: /"b" has categories/ });
  });
});

describe('a folder of images per class', () => {
  const image = (red: number, size = 4, channels: 1 | 3 = 3) =>
    sharp(Buffer.alloc(size * size * channels, red), { raw: { width: size, height: size, channels } })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .png()
      .toBuffer();

  test('classes by name, pixels as they are; train and test where there are both', async () => {
    const path = writeFiles(fresh(), {
      'train/cat/1.png': await image(10),
      'train/cat/2.png': await image(20),
      'train/dog/1.png': await image(30),
      'train/dog/notes.txt': 'no image',
      'test/dog/9.png': await image(40),
    });
    const data = await datasets.open(path);
    const [train, held] = [data.train as LabelledRows, data.test as LabelledRows];
    expect([data.classNames, train.x.shape, [...train.y.data]]).toEqual([
      ['cat', 'dog'],
      [3, 4, 4, 3],
      [0, 0, 1],
    ]);
    expect([train.x.data[0], train.x.data[48], held.x.data[0], held.y.data[0]]).toEqual([10, 20, 40, 1]);
  });

  test('are pixels, however dark', async () => {
    const path = writeFiles(fresh(), { 'a/1.png': await image(0), 'b/1.png': await image(1) });
    expect((await datasets.open(path)).scale).toBeUndefined();
  });

  test('grey images have one channel; others are brought to a size', async () => {
    const path = writeFiles(fresh(), { 'a/1.png': await image(10, 4, 1), 'b/1.png': await image(20, 6, 1) });
    await expect(datasets.open(path)).rejects.toMatchObject({
      code: 'ERR_SHAPE',
      message: /6x6.*4x4.*--image-size/,
    });
    const { train } = await datasets.open(path, { imageSize: [2, 3] });
    expect((train as LabelledRows).x.shape).toEqual([2, 2, 3, 1]);
    expect([...(train as LabelledRows).x.data]).toEqual([10, 10, 10, 10, 10, 10, 20, 20, 20, 20, 20, 20]);
  });

  test('images to test with have the channels of those that train', async () => {
    const [grey, coloured] = [await image(10, 4, 1), await image(20)];
    for (const [trains, tests, channels] of [
      [coloured, grey, 3],
      [grey, coloured, 1],
    ] as const) {
      const path = writeFiles(fresh(), {
        'train/a/1.png': trains,
        'train/b/1.png': trains,
        'test/a/1.png': tests,
      });
      const { train, test: held } = await datasets.open(path);
      expect([train, held].map((rows) => (rows as LabelledRows).x.shape)).toEqual([
        [2, 4, 4, channels],
        [1, 4, 4, channels],
      ]);
    }
  });

  test('links are followed, to images and to classes', async () => {
    const path = writeFiles(fresh(), { 'a/1.png': await image(10), 'b/1.png': await image(20) });
    symlinkSync(join(path, 'a', '1.png'), join(path, 'a', '2.png'));
    symlinkSync(join(path, 'b'), join(path, 'c'));
    const { train, classNames } = await datasets.open(path);
    expect([classNames, [...(train as LabelledRows).y.data]]).toEqual([
      ['a', 'b', 'c'],
      [0, 0, 1, 2],
    ]);
    symlinkSync(join(path, 'nowhere.png'), join(path, 'a', '3.png'));
    await expect(datasets.open(path)).rejects.toMatchObject({ message: /a\/3\.png/ });
  });

  test('to predict: all images, of a folder that is divided those to test with, of other data none', async () => {
    const dot = await image(10, 1, 1);
    const made = (...names: string[]) =>
      writeFiles(fresh(), Object.fromEntries(names.map((name) => [name, dot])));
    const divided = ['train/cat/1.png', 'test/dog/9.png', 'test/cat/2.png'];
    expect(imagesToPredict(made(...divided))).toEqual(['test/cat/2.png', 'test/dog/9.png']);
    // A class may be called so.
    expect(imagesToPredict(made('train/1.png', 'car/2.png'))).toEqual(['car/2.png', 'train/1.png']);
    expect(imagesToPredict(made('b.jpg', 'a.png', 'notes.txt', 'old/c.png'))).toEqual([
      'a.png',
      'b.jpg',
      'old/c.png',
    ]);
    expect(imagesToPredict(made('train-images-idx3-ubyte', 'preview.png'))).toEqual([]);
    expect(imagesToPredict(made('notes.txt'))).toEqual([]);
  });

  test('pictures without folders are no classes, whatever names are given', async () => {
    const path = writeFiles(fresh(), { '1.png': await image(10) });
    for (const options of [{}, { classNames: ['a', 'b'] }])
      await expect(datasets.open(path, options)).rejects.toMatchObject({
        code: 'ERR_DATA_EMPTY',
        message: /no folders of images, one a class/,
      });
  });

  test('more than 256 classes keep their numbers', async () => {
    const dot = await image(10, 1, 1);
    const names = Array.from({ length: 258 }, (_, i) => `c${i + 100}`);
    const path = writeFiles(fresh(), Object.fromEntries(names.map((name) => [`${name}/1.png`, dot])));
    const { train } = await datasets.open(path);
    expect([...(train as LabelledRows).y.data]).toEqual([...names.keys()]);
  });

  test('what is no image is named', async () => {
    const path = writeFiles(fresh(), { 'a/1.png': await image(10), 'b/1.png': 'text' });
    await expect(datasets.open(path)).rejects.toMatchObject({
      code: 'ERR_DATA_FORMAT',
      message: /b\/1\.png/,
    });
  });
});
