import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Splitter } from '../../../src/data/split';
import { csvLayout } from '../../../src/data/table/layout';
import { isBadRow, parseBlock } from '../../../src/data/table/parse';
import { datasets, layers, type OwnData, type RowStream, sequential } from '../../../src/index';
import { temporaryFolder } from '../../support/script';

const folder = temporaryFolder();
let count = 0;
function written(text: string, name = 'rows.csv'): string {
  const file = join(folder, `${count++}-${name}`);
  writeFileSync(file, text);
  return file;
}

const HOUSES =
  'age,sea,rooms,price\r\n10,near,3,1.5\r\n20,"far, far",,2.5\r\n30,near,5,"3.5"\r\n\r\n40,"say ""near""",4,4.5';

type Arrays = { x: { data: ArrayLike<number>; shape: number[] }; y: { data: ArrayLike<number> } };
const arrays = (rows: OwnData['train'] | undefined) => rows as unknown as Arrays;

test('numbers are standardised, text becomes a column a category, missing numbers the mean', async () => {
  const data = await datasets.open(written(HOUSES), { label: 'price', missing: 'mean' });
  const label = { name: 'price', mean: 3, deviation: Math.sqrt(1.25) };
  expect([data.classes, data.scale, data.schema?.label]).toEqual([0, 1, label]);
  expect(data.schema?.columns).toEqual([
    { name: 'age', kind: 'number', mean: 25, deviation: Math.sqrt(125) },
    { name: 'sea', kind: 'category', categories: ['near', 'far, far', 'say "near"'] },
    { name: 'rooms', kind: 'number', mean: 4, deviation: Math.sqrt(2 / 3) },
  ]);
  const { x, y } = arrays(data.train);
  expect([x.shape, [...Array.from(y.data)]]).toEqual([
    [4, 5],
    [1.5, 2.5, 3.5, 4.5],
  ]);
  const second = Array.from(x.data).slice(5, 10);
  expect(second[0]).toBeCloseTo(-5 / Math.sqrt(125), 6);
  expect(second.slice(1)).toEqual([0, 1, 0, 0]);
  const { train } = await datasets.open(written(HOUSES), { label: 'price', missing: 'drop', scale: 'none' });
  expect(Array.from(arrays(train).x.data)).toEqual([10, 1, 0, 3, 30, 1, 0, 5, 40, 0, 1, 4]);
});

test('a slip among numbers is refused where it stands; codes may be text in part', async () => {
  const rows = (cell: (row: number) => string) =>
    written(`x,y\n${Array.from({ length: 400 }, (_, row) => `${cell(row)},${row / 2}\n`).join('')}`);
  const slip = (row: number) => (row === 300 ? '12O' : String(row));
  const refused = datasets.open(rows(slip), { label: 'y' });
  await expect(refused).rejects.toThrow(/^"12O" in column "x" is no number · .*, line 302 · mend it/);
  await expect(datasets.open(rows(slip), { label: 'x' })).rejects.toThrow(
    /^"12O" in column "x" is no number/,
  );
  const asText = await datasets.open(rows(slip), { label: 'y', categorical: ['x'] });
  expect(asText.schema!.columns[0]).toMatchObject({ kind: 'category' });
  const codes = await datasets.open(
    rows((row) => (row === 300 ? 'X' : String(row % 9))),
    { label: 'y' },
  );
  expect(codes.schema!.columns[0]).toMatchObject({
    kind: 'category',
    categories: expect.arrayContaining(['X', '8']),
  });
});

test('pictures stay bytes whatever rows were dropped, and where a number rounds to a byte', async () => {
  const table = 'a,b,kind\n0,200,x\n7,,y\n3.00000001,255,y\n1,9,x\n';
  const { train } = await datasets.open(written(table), { label: 'kind', missing: 'drop' });
  const { data } = arrays(train).x;
  // Of another realm than jest's.
  expect(Object.prototype.toString.call(data)).toBe('[object Uint8Array]');
  expect(Array.from(data)).toEqual([0, 200, 3, 255, 1, 9]);
});

test('an empty cell of text is missing, or, with the mean, a category; what says NA may be a name', async () => {
  const file = written('x,s,y\n1,a,2\n2,,3\n3,NA,5\n4,a,2.5\n');
  const open = (missing: 'error' | 'drop' | 'mean') => datasets.open(file, { label: 'y', missing });
  await expect(open('error')).rejects.toThrow(/^no value in column "s" · .*, line 3 · /);
  const named = async (missing: 'drop' | 'mean') => (await open(missing)).schema!.columns[1];
  expect(await named('drop')).toEqual({ name: 's', kind: 'category', categories: ['a', 'NA'] });
  expect(await named('mean')).toEqual({ name: 's', kind: 'category', categories: ['a', '', 'NA'] });
  const both = () => datasets.open(file, { label: 'y', missing: 'drop', validation: 0.6, test: 0.6 });
  expect(both).toThrow(/^validation and test together /);
});

test('JSON lines are the same table', async () => {
  const lines = [
    { age: 10, at: [1, 2], kind: 'a' },
    { age: 20, at: [3, 4], kind: 'b' },
    { kind: 'a', at: [5, 6], age: 30 },
  ];
  const file = written(lines.map((line) => JSON.stringify(line)).join('\n'), 'rows.jsonl');
  const { train, classNames } = await datasets.open(file, { label: 'kind', scale: 'none' });
  expect(classNames).toEqual(['a', 'b']);
  expect(Array.from(arrays(train).x.data)).toEqual([10, 1, 2, 20, 3, 4, 30, 5, 6]);
  expect(Array.from(arrays(train).y.data)).toEqual([0, 1, 0]);
});

test('numbers that JSON does not keep are no categories', async () => {
  const text = [990, 993].map((end) => `{"id":9007199254740${end},"y":${end}.5}\n`).join('');
  const open = (text: string) =>
    datasets.open(written(text, 'rows.jsonl'), { label: 'y', categorical: ['id'], scale: 'none' });
  await expect(open(text)).rejects.toThrow(/"id" is a number beyond 2\^53.*line 2.*as text/);
  const { schema } = await open(text.replace(/(\d{16})/g, '"$1"'));
  expect(schema?.columns[0]).toMatchObject({ categories: ['9007199254740990', '9007199254740993'] });
});

test('a newline at the end changes nothing', async () => {
  const rows = `a,y\n${Array.from({ length: 50 }, (_, i) => `${i},${i * 0.5}`).join('\n')}`;
  const held = async (text: string) => {
    const { test } = await datasets.open(written(text), { label: 'y', test: 0.3, seed: 3 });
    return Array.from(arrays(test).y.data);
  };
  expect(await held(`${rows}\n`)).toEqual(await held(rows));
});

test('without a header columns have numbers; tabs and semicolons are found out; integers that repeat are classes', async () => {
  const { train, classNames, schema } = await datasets.open(written('1;0.5;7\n2;0.25;9\n3;1;7\n'), {
    label: '2',
    scale: 'none',
  });
  expect([classNames, schema?.columns.map(({ name }) => name)]).toEqual([
    ['7', '9'],
    ['0', '1'],
  ]);
  expect(Array.from(arrays(train).y.data)).toEqual([0, 1, 0]);
  const prices = await datasets.open(written('a,b\n1,310\n2,295\n3,420\n4,310\n'), { label: 'b' });
  expect(prices.classes).toBe(0);
  const tabs = await datasets.open(written('a\tb\n1\t2.5\n3\t4.5\n', 'x.tsv'), { label: 'b' });
  expect(tabs.classes).toBe(0);
  const asked = await datasets.open(written('a,b\n1,0\n3,1\n'), { label: 'b', task: 'regression' });
  expect(asked.classes).toBe(0);
});

test('columns of bytes stay bytes', async () => {
  const { train, scale } = await datasets.open(written('label,p0,p1\n1,0,255\n0,7,8\n'), { label: 'label' });
  expect([scale, arrays(train).x.data]).toEqual([undefined, Uint8Array.of(0, 255, 7, 8)]);
});

test('columns are left out, or taken as categories; a limit takes the first rows', async () => {
  const text = 'id,zip,n,y\n1,10,1,0\n2,20,2,1\n3,10,3,0\n';
  const options = { label: 'y', ignore: ['id'], categorical: ['zip'], scale: 'none' } as const;
  const { train } = await datasets.open(written(text), options);
  expect(Array.from(arrays(train).x.data)).toEqual([1, 0, 1, 0, 1, 2, 1, 0, 3]);
  const { train: two } = await datasets.open(written(text), { ...options, limit: 2 });
  expect(arrays(two).x.shape[0]).toBe(2);
});

test('a schema takes another table as the first was taken, and refuses what is new', async () => {
  const { schema } = await datasets.open(written(HOUSES), { label: 'price', missing: 'mean' });
  const other = 'rooms,price,sea,age,more\n5,1,near,10,x\n3,2,near,10,y\n';
  const { train } = await datasets.open(written(other), { schema });
  expect(Array.from(arrays(train).x.data).slice(1, 4)).toEqual([1, 0, 0]);
  expect(arrays(train).x.data[0]).toBeCloseTo(-15 / Math.sqrt(125), 6);
  const strange = datasets.open(written(other.replace('near', 'on')), { schema });
  await expect(strange).rejects.toMatchObject({ code: 'ERR_LABEL_RANGE', message: /"on" in column "sea"/ });
});

test('a schema takes columns in their order, wherever they are in the file', () => {
  const columns = ['c', 'a', 'b'].map((name) => ({ name, kind: 'number' as const, mean: 0, deviation: 1 }));
  const schema = { columns, label: { name: 'y' }, scale: 'none' as const };
  const row = (names: string, cells: string) => {
    const text = Buffer.from(`${names}\n${cells}\n${cells}\n`);
    const layout = csvLayout('f', text, { schema });
    const block = parseBlock(text.subarray(layout.start), layout);
    return isBadRow(block) ? block : [...block.values, ...block.labels];
  };
  const [three, two] = [
    [33, 1, 222],
    [7, 7],
  ];
  for (const [names, cells] of [
    ['a,b,c,y', '1,222,33,7'],
    ['y,c,b,a', '7,33,222,1'],
    ['b,y,a,more,c', '222,7,1,0.5,33'],
  ])
    expect(row(names, cells)).toEqual([...three, ...three, ...two]);
});

describe('a large table, kept in a file', () => {
  const rows = 6000;
  const text = ['x0,x1,where,y'];
  for (let i = 0; i < rows; i++) text.push(`${(i * 37) % 101},${i / 8},${['a', 'b', 'c'][i % 3]},${i % 5}`);
  const file = written(text.join('\n'));
  const options = { label: 'y', validation: 0.1, test: 0.2, seed: 3 };

  test('has the rows that it has in memory', async () => {
    const [held, kept] = [
      await datasets.open(file, options),
      await datasets.open(file, { ...options, stream: true }),
    ];
    expect(kept.schema).toEqual(held.schema);
    expect(kept.sha256).toBe(held.sha256);
    for (const part of ['train', 'validation', 'test'] as const) {
      const stream = kept[part] as RowStream;
      const all = { x: [] as number[], y: [] as number[] };
      for await (const chunk of stream) {
        const { x, y } = chunk as unknown as Arrays;
        for (const value of Array.from(x.data)) all.x.push(value);
        for (const value of Array.from(y.data)) all.y.push(value);
      }
      const { x, y } = arrays(held[part]);
      expect(stream.rows).toBe(y.data.length);
      expect([all.y, all.x]).toEqual([Array.from(y.data), Array.from(x.data)]);
    }
    await kept.close?.();
  });

  test('is told from the same file split or scaled in another way', async () => {
    const prints: string[] = [];
    for (const other of [
      {},
      { seed: 4 },
      { scale: 'none' },
      { validation: 0.2 },
      { limit: 5000 },
      { missing: 'drop' },
    ] as const) {
      const data = await datasets.open(file, { ...options, ...other, stream: true });
      prints.push(...[data.train, data.validation].map((rows) => (rows as RowStream).fingerprint));
      await data.close?.();
    }
    expect(new Set(prints).size).toBe(prints.length);
  });

  test('closed twice it closes no other file; what reads it, then or later, is told', async () => {
    const { train, close } = await datasets.open(file, { ...options, stream: true });
    const reading = (train as RowStream)[Symbol.asyncIterator]();
    const [first] = await Promise.allSettled([reading.next(), close!()]);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'ERR_STATE' } });
    const other = openSync(file, 'r');
    await close!();
    closeSync(other);
    const again = (train as RowStream)[Symbol.asyncIterator]();
    await expect(again.next()).rejects.toMatchObject({ code: 'ERR_STATE', message: /the data is closed/ });
  });

  test('trains and is tested as arrays are', async () => {
    const model = () => {
      const made = sequential([
        layers.dense(4, { activation: 'relu', inputShape: [5] }),
        layers.dense(5, { activation: 'softmax' }),
      ]);
      made.compile({
        optimizer: 'adam',
        loss: 'sparseCategoricalCrossentropy',
        metrics: ['accuracy'],
        backend: 'tfjs',
        tfjsEngine: 'cpu',
        quiet: true,
      });
      return made;
    };
    const fit = { epochs: 1, batchSize: 500, seed: 2, verbose: 0, shuffle: false } as const;
    const found: unknown[] = [];
    for (const stream of [false, true]) {
      const data = await datasets.open(file, { ...options, stream });
      const trained = model();
      const { history } = await trained.fit(data.train, { ...fit, validationData: data.validation });
      found.push([(await trained.readState()).weights, history.loss, await trained.evaluate(data.test!)]);
      await data.close?.();
    }
    const [[weights, loss, tested], streamed] = found as [unknown, unknown, Record<string, number>][];
    expect([weights, loss]).toEqual(streamed.slice(0, 2));
    expect(tested.loss).toBeCloseTo(streamed[2].loss, 6);
    expect(tested.accuracy).toBeCloseTo(streamed[2].accuracy, 9);
  });
});

describe('splits', () => {
  const labels = Float32Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? 1 : 0));
  const sharesOf = (parts: Uint8Array, label: number) =>
    [0, 1, 2].map((part) => parts.filter((each, i) => each === part && labels[i] === label).length);

  test('each class has the same shares; the seed alone decides', () => {
    const parts = new Splitter([0.1, 0.2], 7).assign(labels.length, labels);
    expect([sharesOf(parts, 0), sharesOf(parts, 1)]).toEqual([
      [630, 90, 180],
      [70, 10, 20],
    ]);
    expect(new Splitter([0.1, 0.2], 7).assign(labels.length, labels)).toEqual(parts);
    expect(new Splitter([0.1, 0.2], 8).assign(labels.length, labels)).not.toEqual(parts);
    // Not every tenth row, and not a block of them.
    const places = Array.from(parts.keys()).filter((i) => parts[i] === 2);
    expect(new Set(places.map((at) => at % 5)).size).toBe(5);
    expect(places[0]).toBeLessThan(50);
    expect(places[places.length - 1]).toBeGreaterThan(950);
  });

  test('in blocks the shares are the same, and values are no classes', () => {
    const splitter = new Splitter([0.1, 0.2], 7);
    const parts = Uint8Array.from(
      [0, 77, 500].flatMap((begin, i) => {
        const end = [77, 500, 1000][i];
        return [...splitter.assign(end - begin, labels.subarray(begin, end))];
      }),
    );
    const [zeros, ones] = [sharesOf(parts, 0), sharesOf(parts, 1)];
    for (const [i, wanted] of [70, 10, 20].entries()) {
      expect(Math.abs(ones[i] - wanted)).toBeLessThanOrEqual(1);
      expect(zeros[i] + ones[i]).toBe(10 * wanted);
    }
    const values = new Splitter([0.1, 0.2], 7).assign(1000);
    expect([0, 1, 2].map((part) => values.filter((each) => each === part).length)).toEqual([700, 100, 200]);
  });

  test.each([
    [0.2, 0.2],
    [0, 0.2],
    [0.1, 0.1],
    [0.15, 0.25],
    [0.34, 0.33],
  ])('few rows: each part has its share, to a row, and so has each class: %d and %d', (validation, held) => {
    const shares = [1 - validation - held, validation, held];
    for (let rows = 3; rows <= 150; rows++)
      for (const classes of [0, 2, 3, 40, rows]) {
        const kinds = Array.from({ length: rows }, (_, i) => (i * i) % Math.max(1, classes));
        const parts = new Splitter([validation, held], rows).assign(rows, classes ? kinds : undefined);
        for (const [part, share] of shares.entries()) {
          const its = kinds.filter((_, row) => parts[row] === part);
          expect(Math.abs(its.length - share * rows)).toBeLessThan(1);
          for (const kind of classes ? new Set(kinds) : []) {
            const [given, all] = [its, kinds].map((some) => some.filter((each) => each === kind).length);
            expect(Math.abs(given - share * all)).toBeLessThan(1);
          }
        }
      }
  });

  describe('of a small table', () => {
    const open = async (label: (row: number) => string | number, seed: number, more: object = {}) => {
      const lines = Array.from({ length: 100 }, (_, i) => `${i}.5,${label(i)}`);
      const file = written(`a,y\n${lines.join('\n')}\n`);
      const data = await datasets.open(file, {
        label: 'y',
        validation: 0.2,
        test: 0.2,
        scale: 'none',
        seed,
        ...more,
      });
      const rows = (part: OwnData['train'] | undefined) => Array.from(arrays(part).x.data);
      return [data.train, data.validation, data.test].map(rows);
    };

    test.each([
      ['values', (row: number) => row * 1.1 + 0.01, {}],
      ['integers as values', (row: number) => row, {}],
      ['integers that repeat as values', (row: number) => row % 3, { task: 'regression' }],
      ['a class in two rows', (row: number) => `c${row >> 1}`, {}],
      ['classes', (row: number) => row % 3, {}],
    ] as const)('%s: whole shares, and another seed takes other rows', async (_, label, options) => {
      const [once, again, other] = [
        await open(label, 1, options),
        await open(label, 1, options),
        await open(label, 2, options),
      ];
      expect(once.map(({ length }) => length)).toEqual([60, 20, 20]);
      expect(again).toEqual(once);
      for (const part of [1, 2]) expect(other[part]).not.toEqual(once[part]);
    });

    test('values are no strata: whatever they are, the same rows are chosen', async () => {
      const repeated = await open((row) => row % 3, 1, { task: 'regression' });
      expect(repeated).toEqual(await open((row) => row / 8, 1));
      expect(repeated).not.toEqual(await open((row) => row % 3, 1));
    });
  });
});
