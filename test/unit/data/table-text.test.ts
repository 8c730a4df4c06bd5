/** What a table's text is taken for: line ends, quotes, headers, categories, what counts of it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonInputs } from '../../../src/cli/predict/json';
import { kindOfText } from '../../../src/cli/predict/kind';
import { type InputsOptions, openInputs } from '../../../src/data/open-inputs';
import type { TableSchema } from '../../../src/data/table/schema';
import { datasets, type LabelledRows, type OpenOptions } from '../../../src/index';
import { temporaryFolder } from '../../support/script';

const folder = temporaryFolder();
let count = 0;
async function opened(text: string, options: OpenOptions, name = 'rows.csv') {
  const file = join(folder, `${count++}-${name}`);
  writeFileSync(file, text);
  const { train, schema, classNames } = await datasets.open(file, { scale: 'none', ...options });
  const { x, y } = train as LabelledRows;
  return { x: Array.from(x.data), y: Array.from(y.data), schema: schema!, classNames };
}

const categoriesOf = ({ columns }: TableSchema) =>
  columns.flatMap((column) => (column.kind === 'category' ? column.categories : []));

const inMemory = (text: string) => ({ name: 'new', bytes: Buffer.from(text) });

async function predicted(text: string, options: InputsOptions, kind: 'csv' | 'jsonl' = 'csv') {
  const { chunks, close } = await openInputs(inMemory(text), kind, options);
  const parts: number[][] = [];
  for await (const { data } of chunks) parts.push(Array.from(data));
  await close();
  return parts.flat();
}

test.each([
  ['plain', 'a,b,y\r\n1,2,0.5\n3,4,0.25\n'],
  ['quoted', 'a,b,y\r\n"1",2,0.5\n3,4,"0.25"\r\n'],
  ['the header alone with LF', 'a,b,y\n1,2,0.5\r\n3,"4",0.25\r\n'],
])('lines may end in both ways: %s', async (_, text) => {
  const { x, y, schema } = await opened(text, { label: 'y' });
  expect([x, y, await predicted(text, { schema })]).toEqual([[1, 2, 3, 4], [0.5, 0.25], x]);
});

test('a line end within quotes is the cell’s', async () => {
  const { schema } = await opened('y,t\r\n0.5,"p\r\nq"\n1.5,"p\r\nq"\r\n', { label: 'y' });
  expect(categoriesOf(schema)).toEqual(['p\r\nq']);
});

test('blank lines before the header are none of the table', async () => {
  const text = '\ufeff\n\r\n  \na,"y\nz"\n1,0.5\n2,1.5\n';
  expect(await opened(text, { label: 'y\nz' })).toMatchObject({ x: [1, 2], y: [0.5, 1.5] });
  await expect(opened(`${text}3\n`, { label: 'y\nz' })).rejects.toThrow(/^1 cells, .*, line 8 · /);
});

test.each([
  ['cells of many lines', `"${'word\n'.repeat(2000)}"`, 150],
  ['a quote within a cell', '"x\n5"', 300_000],
])('more than is looked at first, with %s', async (_, cell, rows) => {
  const lines = Array.from({ length: rows }, (_row, i) => `${i % 9},${i === 0 ? '5" tv' : cell}`);
  const { y, schema } = await opened(`y,t\n${lines.join('\n')}\n`, { label: 'y' });
  expect([y.length, categoriesOf(schema).length]).toEqual([rows, 2]);
});

describe('headers', () => {
  const years = '2019,2020,price\n1,2,0.5\n3,4,0.25\n';
  const indexed = ',a,b,price\n0,1,2,0.5\n1,3,4,0.25\n';
  const bare = '7,x,1,2\n8,y,3,4\n';
  test.each<[string, string, OpenOptions, string, number[]]>([
    ['names that are numbers, in another order', years, { label: 'price' }, '2020,2019\n4,3\n', [3, 4]],
    ['the same without a header', years, { label: 'price' }, '4,3\n2,1\n', [4, 3, 2, 1]],
    ['an index', indexed, { label: 'price' }, indexed, [0, 1, 2, 1, 3, 4]],
    ['an index, no label', indexed, { label: 'price', ignore: [''] }, ',a,b\n0,1,2\n', [1, 2]],
    ['none, and a column is ignored', bare, { label: '1', ignore: ['0'] }, bare, [1, 2, 3, 4]],
    ['none, and neither label nor that column', bare, { label: '1', ignore: ['0'] }, '2,3\n', [2, 3]],
    ['none, the label', bare, { label: '1', ignore: ['0'] }, '9,y,2,3\n9,x,5,6\n', [2, 3, 5, 6]],
  ])('predict knows them as training does: %s', async (_, text, options, given, wanted) => {
    const { schema } = await opened(text, options);
    expect(await predicted(given, { schema })).toEqual(wanted);
  });

  test('the names of a model are a header, whatever they look like', async () => {
    const { schema } = await opened('age,2019,kind\n1,far,x\n2,near,y\n', { label: 'kind', ignore: ['age'] });
    const { x, y } = await opened('2019,kind\nnear,y\nfar,x\n', { schema });
    expect([x, y]).toEqual([
      [0, 1, 1, 0],
      [1, 0],
    ]);
  });

  const numbers = '2019,2020,2021\n1,2,0.5\n3,4,0.25\n';
  test.each<[string, OpenOptions, number[]]>([
    ['the label', { label: '2021' }, [1, 2, 3, 4]],
    ['a column that is left out', { label: '2021', ignore: ['2019'] }, [2, 4]],
    ['one of names', { label: '1', categorical: ['2020'], ignore: ['2021'] }, [1, 3]],
  ])('names that are all numbers, of which %s is asked for', async (_, options, x) => {
    const read = await opened(numbers, options);
    expect(read.x).toEqual(x);
    expect(await predicted(numbers, { schema: read.schema })).toEqual(x);
  });

  test('a number that no row of names has is a column, though the first row has it', async () => {
    const { x, y } = await opened('7,2,9\n8,1,6\n', { label: '2' });
    expect([x, y]).toEqual([
      [7, 2, 8, 1],
      [9, 6],
    ]);
  });

  test.each([
    [
      'a name that no row has',
      '1,2,3\n4,5,6\n',
      'y',
      /^label must be a column: 0, 1, 2, got "y" .* its first row is no header$/,
    ],
    ['a name twice', 'a,a,y\n4,5,6\n', 'y', /^the column "a" is there twice .*, the header · rename one/],
  ])('%s', async (_, text, label, said) => {
    await expect(opened(text, { label })).rejects.toThrow(said);
  });

  test.each(['rows.csv', 'rows.jsonl'])('a name that is no UTF-8: %s', async (name) => {
    const text = name.endsWith('csv')
      ? 'gr\xf6\xdfe,y\n1,0.5\n2,1.5\n'
      : '{"gr\xf6\xdfe":1,"y":0.5}\n{"gr\xf6\xdfe":2,"y":1}\n';
    const file = join(folder, `latin1-${name}`);
    writeFileSync(file, text, 'latin1');
    await expect(datasets.open(file, { label: 'y' })).rejects.toThrow(
      / is no UTF-8 .* save the file as UTF-8/,
    );
  });

  test.each([';', ',', '\t'])('the line of a spreadsheet that names the separator %j', async (separator) => {
    const text = `\ufeffsep=${separator}\r\na;t;y\r\n1;"x, y;z";0.5\r\n2;w;1.5\r\n`.replaceAll(
      ';',
      separator,
    );
    const { x, y, schema } = await opened(text, { label: 'y' });
    expect([x, y, await predicted(text, { schema })]).toEqual([[1, 1, 0, 2, 0, 1], [0.5, 1.5], x]);
    await expect(opened(`${text}3\r\n`, { label: 'y' })).rejects.toThrow(/, line 5 · /);
  });

  test('the label may be a number under a header, too', async () => {
    expect((await opened('a,b,y\n1,2,0.5\n3,4,0.25\n', { label: '2' })).schema.label).toMatchObject({
      name: 'y',
    });
  });
});

describe('rows to predict', () => {
  test.each([
    ['1,300\n2,.5\n', {}, [1, 300, 2, 0.5]],
    ['\na,b\n\n1,300\n2,.5', {}, [1, 300, 2, 0.5]],
    ['1;300\r\n2;0,5', { decimal: ',' as const }, [1, 300, 2, 0.5]],
    ['1,300\n2,x\n'.repeat(2), { limit: 1 }, undefined],
  ])('of a model that knows no columns are numbers: %j', async (text, options, x) => {
    if (x) expect(await predicted(text, options)).toEqual(x);
    else
      await expect(predicted(text, options)).rejects.toThrow(
        '"x" in column "1" is no number · new, line 2 · mend it',
      );
  });

  const table = 'sea,rooms,y\nfar,1,0.5\nnear,2,1.5\n';
  test.each([
    ['sea\nfar\n', /^there is no column "rooms" · new · name the columns as they were in training$/],
    [
      'far,1,2,3\n',
      /^there is no column "sea" · new · its first row .* has 4 cells; the model reads 2: sea, rooms$/,
    ],
    ['sea,sea\nfar,1\n', /^the column "sea" is there twice · new, the header · rename one$/],
    [
      '\n\nsea,rooms\n\nfar,\n',
      /^no value in column "rooms" · new, line 5 · give one, or take the mean: --missing mean$/,
    ],
    ['sea,rooms\n\nfar,1\n\nunder,1\n', /^"under" in column "sea" .* · new, line 5 · there were far, near$/],
    ['sea,rooms\nfar,1\n"a\nb",1,2\n', /^3 cells, the table has 2 columns · new, line 3 · mend the row/],
    ['sea,rooms\nfar,"1\n', /^quoted field unterminated · new, line 2 · close the quotes/],
  ])('are told by their lines: %j', async (text, said) => {
    const { schema } = await opened(table, { label: 'y' });
    await expect(predicted(text, { schema })).rejects.toThrow(said);
  });

  test('of JSON lines, too', async () => {
    const { schema } = await opened(table, { label: 'y' });
    const text = '{"rooms": 2, "sea": "far"}\n\n{"rooms": "two", "sea": "far"}\n';
    await expect(predicted(text, { schema }, 'jsonl')).rejects.toThrow(
      'is no number · new, line 3 · mend it',
    );
  });

  test.each([
    ['a,b\n1,2\n', 'csv'],
    ['\ufeff\n {"a": 1}\n{"a": 2}', 'jsonl'],
    ['{"instances": [[1]]}\n', 'json'],
    ['{\n  "instances": [[1]]\n}\n', 'json'],
    ['[1]\n[2]\n', 'json'],
    ['a\0', undefined],
  ])('%j is %s', async (text, kind) => {
    expect(await kindOfText(inMemory(text), true)).toBe(kind);
    // Whose columns have no names, that has no records.
    expect(await kindOfText(inMemory(text), false)).toBe(kind === 'jsonl' ? 'json' : kind);
  });
});

test('rows to predict that are ragged: their place, not a function of ours', () => {
  const wanted = { inputShape: [2], missing: 'error' } as const;
  expect(() => jsonInputs('[[1, 2], [3]]', 'rows.json', wanted)).toThrow(
    /^the rows are ragged: .* · rows\.json · give all rows the same number of numbers$/,
  );
});

describe('decimal commas', () => {
  const text = 'a;t;y\r\n1,5;p, q;0,25\r\n-2,25;"r,s 1,5";1,75\r\n';
  const options = { label: 'y', decimal: ',' } as const;

  test('are points where that is said, in training and after it', async () => {
    const { x, y, schema } = await opened(text, options);
    expect([x, y]).toEqual([
      [1.5, 1, 0, -2.25, 0, 1],
      [0.25, 1.75],
    ]);
    // What is no decimal comma stays one.
    expect(categoriesOf(schema)).toEqual(['p, q', 'r,s 1.5']);
    expect(schema.decimal).toBe(',');
    expect(await predicted(text, { schema })).toEqual(x);
    expect((await opened(text, { schema })).x).toEqual(x);
    await expect(opened(text, { schema, decimal: '.' })).rejects.toThrow('"1,5" in column "a" is no number');
    const { decimal: _, ...old } = schema;
    expect((await opened(text, { schema: old, decimal: ',' })).x).toEqual(x);
  });

  test('beyond what is looked at first, and in threads', async () => {
    const rows = Array.from({ length: 400_000 }, (_, i) => `${i % 7},5;${i % 3},25`);
    const text = `a;y\n${rows.join('\n')}\n`;
    const { x, y, schema } = await opened(text, options);
    expect(await predicted(text, { schema })).toEqual(x);
    expect(await predicted(text, { schema, stream: true, dataDir: folder, limit: 300_000 })).toEqual(
      x.slice(0, 300_000),
    );
    expect([x.length, x.at(-1), y.at(-1)]).toEqual([400_000, (399_999 % 7) + 0.5, (399_999 % 3) + 0.25]);
  });

  test('of a table that trained are not looked for in JSON', async () => {
    const { schema } = await opened('a;y\n1,5;0,5\n2,5;1,5\n', options);
    expect((await opened('{"a":1.5,"y":0.5}\n', { schema }, 'rows.jsonl')).x).toEqual([1.5]);
  });

  test.each([
    ['commas that separate cells', 'a,y\n1,x\n2,z\n', 'rows.csv', "'.' where commas separate cells"],
    ['JSON', '{"a":1,"y":2}\n{"a":2,"y":2.5}\n', 'rows.jsonl', 'JSON has no other'],
  ])('%s are refused', async (_, written, name, said) => {
    await expect(opened(written, options, name)).rejects.toThrow(said);
  });

  test('a slip among numbers names the option', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `${i === 40 ? '4,5' : i};${i % 9}.5`);
    await expect(opened(`a;y\n${rows.join('\n')}\n`, { label: 'y' })).rejects.toThrow(
      'say --decimal , (decimal)',
    );
  });
});

test('JSON lines: text that says a number is missing is missing, a mark of UTF-8 is no text', async () => {
  const text = '\ufeff{"a":1,"y":0.5}\n{"a":"NA","y":1.5}\n{"a":"3","y":2.5}\n';
  const { x, schema } = await opened(text, { label: 'y', missing: 'mean' }, 'rows.jsonl');
  expect([x, schema.columns[0].kind]).toEqual([[1, 2, 3], 'number']);
});

test.each(['null', '""'])('JSON lines: a category that is %s is as an empty cell is', async (none) => {
  const text = `{"t":"a","y":0.5}\n{"t":${none},"y":1.5}\n{"t":"b","y":2.5}\n`;
  const mean = await opened(text, { label: 'y', missing: 'mean' }, 'rows.jsonl');
  expect(mean).toEqual(await opened('t,y\na,0.5\n,1.5\nb,2.5\n', { label: 'y', missing: 'mean' }));
  expect(categoriesOf(mean.schema)).toEqual(['a', '', 'b']);
  expect(await predicted(text, { schema: mean.schema, missing: 'mean' }, 'jsonl')).toEqual(mean.x);
  const { y } = await opened(text, { label: 'y', missing: 'drop' }, 'rows.jsonl');
  expect(y).toEqual([0.5, 2.5]);
  await expect(opened(text, { label: 'y' }, 'rows.jsonl')).rejects.toThrow(/no value in column "t"/);
});

describe('what is left out does not count', () => {
  const text = 'a,t,y\n,u,r\n1,v,q\n2,w,p\n,x,s\n3,z,p\n4,k,o\n';
  const options = { label: 'y', missing: 'drop', limit: 3 } as const;

  test.each([text, text.replace('1,', '"1",')])('neither by a limit nor by an empty cell', async (table) => {
    const { x, y, schema, classNames } = await opened(table, options);
    expect([categoriesOf(schema), classNames, y]).toEqual([
      ['v', 'w', 'z'],
      ['p', 'q'],
      [1, 0, 0],
    ]);
    expect(x).toEqual([1, 1, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1]);
  });

  test('nor does it have to be known to a model, which else is told of it by its line', async () => {
    const { schema } = await opened(text, options);
    expect((await opened(text, { ...options, label: undefined, schema })).y).toEqual([1, 0, 0]);
    await expect(opened(`\n${text}`, { missing: 'drop', schema })).rejects.toThrow(
      /^"k" in column "t" was not there in training · .*, line 8 · there were v, w, z$/,
    );
  });
});

test('a column without values has the mean that the model knows', async () => {
  const { schema } = await opened('a,b,y\n1,2,0.5\n3,4,0.25\n', { label: 'y' });
  const { x } = await opened('a,b,y\n,2,0.5\n,4,0.25\n', { schema, missing: 'mean' });
  expect(x).toEqual([2, 2, 2, 4]);
});

test.each(['', '"'])('categories have no white space around them: quoted by %j', async (quote) => {
  const cells = ['n', '\tn', 'n\u00a0', 'é', ' \u00a0é\t'].map((cell) => `${quote}${cell}${quote}`);
  const rows = cells.map((cell, i) => `${cell},0.${i}`);
  const { schema } = await opened(`t,y\n${rows.join('\n')}\n`, { label: 'y' });
  expect(categoriesOf(schema)).toEqual(['n', 'é']);
  const blank = opened(`t,y\nn,0.5\n${quote}\u00a0${quote},1.5\n`, { label: 'y' });
  await expect(blank).rejects.toThrow(/^no value in column "t" /);
});

test('classes that look like numbers are text where they were', async () => {
  const text = 'a,y\n1,01\n2,1\n3,01\n';
  const { schema, y } = await opened(text, { label: 'y', categorical: ['y'] });
  expect(schema.label).toEqual({ name: 'y', classes: ['01', '1'], text: true });
  expect([y, (await opened(text, { schema })).y]).toEqual([
    [0, 1, 0],
    [0, 1, 0],
  ]);
});

test('integers that float32 would not tell apart are no classes', async () => {
  const text = 'a,y\n1,20240101\n2,20240102\n3,20240101\n4,20240102\n';
  await expect(opened(text, { label: 'y' })).rejects.toMatchObject({
    code: 'ERR_LABEL_RANGE',
    message: expect.stringContaining('--categorical y'),
  });
  const { classNames } = await opened(text, { label: 'y', categorical: ['y'] });
  expect(classNames).toEqual(['20240101', '20240102']);
});
