/** `fusor predict` on what people have: pictures, CSV, JSON, stdin; and data whose classes have names. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { datasets, layers, saveModel, sequential } from '../../src/index';
import { documentOf, finished, fusor, startCli, WASM } from '../support/cli';
import { npyBytes } from '../support/npy';
import { temporaryFolder } from '../support/script';

const cwd = temporaryFolder();
const FAST = ['--seed', '1', '--json', ...WASM];
const write = (name: string, content: string | Uint8Array) => writeFileSync(join(cwd, name), content);

/** Runs with `input` on stdin. */
function piped(args: readonly string[], input: string | Uint8Array) {
  const child = startCli(args, { cwd, stdin: 'pipe' });
  child.stdin?.on('error', () => {}).end(input);
  return finished(child);
}

/** Light on dark, as MNIST has them. */
let rows: Uint8Array[];
let digits: number[];

beforeAll(async () => {
  const { test: tests } = await datasets.mnist({ limit: 12 });
  rows = Array.from({ length: 12 }, (_, i) => tests.x.data.slice(i * 784, (i + 1) * 784) as Uint8Array);
  digits = Array.from(tests.y.data);
  const flags = ['--limit', '6000', '--epochs', '3', '--layers', '64', '--run-dir', 'digits'];
  documentOf(await fusor(['train', ...flags, ...FAST], { cwd }));
  for (const [i, row] of rows.entries()) {
    const grey = sharp(row, { raw: { width: 28, height: 28, channels: 1 } });
    write(`${i}.png`, await grey.clone().resize(140, 140).png().toBuffer());
    // As a scanner gives it: dark on light, three channels.
    write(
      `${i}.jpg`,
      await grey.clone().negate().resize(100, 120, { fit: 'fill' }).toColourspace('srgb').jpeg().toBuffer(),
    );
  }
}, 120_000);

const classesOf = ({ predictions }: { predictions: { class: number }[] }) =>
  predictions.map((each) => each.class);
const rightOf = (classes: readonly number[]) => classes.filter((digit, i) => digit === digits[i]).length;

test.each([
  ['PNG', '.png', []],
  ['JPEG, dark on light', '.jpg', ['--invert']],
])('%s', async (_, extension, flags) => {
  const files = rows.map((_row, i) => `${i}${extension}`);
  const ran = documentOf(await fusor(['predict', 'digits', ...files, ...flags, '--json', ...WASM], { cwd }));
  expect(rightOf(classesOf(ran))).toBeGreaterThanOrEqual(10);
  const table = await fusor(['predict', 'digits', ...files.slice(0, 2), ...flags, '--quiet', ...WASM], {
    cwd,
  });
  expect(table.stdout).toMatch(new RegExp(`\\b0\\${extension} +${classesOf(ran)[0]} +[01]\\.\\d{4}\n`));
});

test('JSON, CSV and a picture on stdin: the same rows, the same answers', async () => {
  const instances = rows.map((row) => Array.from(row));
  write('rows.json', JSON.stringify({ instances }));
  write('rows.csv', instances.map((row) => row.join(',')).join('\n'));
  const plain = ['predict', 'digits', '--json', ...WASM];
  const expected = documentOf(await fusor([...plain, '--limit', '12'], { cwd })).predictions;
  for (const input of [
    fusor([...plain, 'rows.json'], { cwd }),
    fusor([...plain, '--data', 'rows.csv'], { cwd }),
    piped([...plain, '-'], JSON.stringify(instances)),
    piped([...plain, '-'], instances.map((row) => JSON.stringify(row)).join('\n')),
    piped([...plain, '-'], instances.map((row) => row.join(';')).join('\r\n')),
  ])
    expect(documentOf(await input).predictions).toEqual(expected);
  const grey = () => sharp(rows[0], { raw: { width: 28, height: 28, channels: 1 } });
  const header = Buffer.from([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28]);
  const npy = npyBytes('|u1', [1, 28, 28, 1], rows[0]);
  for (const input of [
    await grey().png().toBuffer(),
    npy,
    zipSync({ 'x.npy': npy }),
    Buffer.concat([header, rows[0]]),
    gzipSync(Buffer.concat([header, rows[0]])),
  ])
    expect(documentOf(await piped([...plain, '-'], input)).predictions).toEqual(expected.slice(0, 1));
}, 120_000);

test('tables and pictures together: named, in their order, up to the limit', async () => {
  const plain = ['predict', 'digits', '--json', ...WASM];
  const { predictions } = documentOf(await fusor([...plain, 'rows.csv'], { cwd }));
  const ran = documentOf(await fusor([...plain, 'rows.csv', '0.png', 'rows.csv', '--limit', '15'], { cwd }));
  const named = predictions.map((each: object, row: number) => ({ ...each, row: `rows.csv ${row}` }));
  expect(ran.data.rows).toBe(15);
  expect(ran.predictions).toEqual([
    ...named,
    expect.objectContaining({ row: '0.png' }),
    ...named.slice(0, 2),
  ]);
}, 60_000);

test.each([
  ['a table', '1,2\n', /^error: a row of more than 64 MiB · large, byte \d+ · /],
  ['JSON', '[1,\n', /^error: JSON of 629\.1 MB, at most .* can be read · large · give CSV/],
])('more than a string holds: %s', async (_, text, said) => {
  const file = join(cwd, 'large');
  writeFileSync(file, text.repeat(2 ** 18));
  // The rest takes no room on the disk, and has no line.
  truncateSync(file, 600 * 2 ** 20);
  const { status, stderr } = await fusor(['predict', 'digits', 'large', ...WASM], { cwd });
  expect([status, stderr]).toEqual([expect.any(Number), expect.stringMatching(said)]);
});

test('an answer that overflows is an error, and not null', async () => {
  const model = sequential([layers.dense(1, { inputShape: [2] })]);
  const [kernel, bias] = await model.getWeights();
  await model.setWeights([{ ...kernel, data: kernel.data.map(() => 2) }, bias]);
  await saveModel(model, join(cwd, 'sum'));
  const ran = await piped(['predict', 'sum', '--json', '-', ...WASM], '[[1, 2], [3e38, 3e38]]');
  expect([ran.status, JSON.parse(ran.stdout).error]).toEqual([
    7,
    expect.objectContaining({ code: 'ERR_NONFINITE_OUTPUT', message: expect.stringContaining('row 1') }),
  ]);
});

test('pictures as a viewer shows them: turned by their EXIF data, what is dark on nothing', async () => {
  const grey = () => sharp(rows[0], { raw: { width: 28, height: 28, channels: 1 } });
  // Lies on its side; a viewer turns it back.
  const side = await sharp(await grey().rotate(90).png().toBuffer())
    .withMetadata({ orientation: 8 })
    .png()
    .toBuffer();
  // Black, as opaque as the digit is light.
  const black = Buffer.from(rows[0]).map(() => 0);
  const bare = await sharp(black, { raw: { width: 28, height: 28, channels: 1 } })
    .joinChannel(Buffer.from(rows[0]), { raw: { width: 28, height: 28, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
  write('plain.png', await grey().png().toBuffer());
  write('side.png', side);
  write('bare.png', bare);
  const of = async (...words: string[]) =>
    documentOf(await fusor(['predict', 'digits', ...words, '--json', ...WASM], { cwd })).predictions[0]
      .probabilities;
  const plain = await of('plain.png');
  expect(await of('side.png')).toEqual(plain);
  expect(await of('bare.png', '--invert')).toEqual(plain);
}, 120_000);

describe('a table', () => {
  const head = ['id', 'sea', 'income', 'value'];
  const cells = Array.from({ length: 300 }, (_, i) => {
    const income = (i * 37) % 100;
    return [`x${i}`, i % 2 ? 'near' : 'far', income, income / 50 + (i % 2)];
  });
  const text = (order: number[], of: typeof cells) =>
    [head, ...of].map((row) => order.map((column) => row[column]).join(',')).join('\n');
  const expected = (income: number, near: boolean) => income / 50 + Number(near);

  beforeAll(async () => {
    write('houses.csv', text([0, 1, 2, 3], cells));
    write('kinds.csv', text([1, 2], cells));
    const flags = ['--epochs', '40', '--layers', '16', '--learning-rate', '0.01', ...FAST];
    const train = (...more: string[]) => fusor(['train', ...more, ...flags], { cwd });
    documentOf(
      await train('--data', 'houses.csv', '--label', 'value', '--ignore', 'id', '--run-dir', 'houses'),
    );
    documentOf(await train('--data', 'kinds.csv', '--label', 'sea', '--run-dir', 'kinds', '--epochs', '1'));
  }, 120_000);

  test('its columns by name, in any order, with or without the label', async () => {
    write('new.csv', 'income,sea\n10,near\n90,far\n');
    const ran = documentOf(await fusor(['predict', 'houses', 'new.csv', '--json', ...WASM], { cwd }));
    const values = ran.predictions.map(({ values: [value] }: { values: number[] }) => value);
    expect(Math.abs(values[0] - expected(10, true))).toBeLessThan(0.3);
    expect(Math.abs(values[1] - expected(90, false))).toBeLessThan(0.3);
    for (const input of [
      'value,income,id,sea\n7,10,a,near\n8,90,b,far\n',
      '[{"sea": "near", "income": 10}, {"income": 90, "sea": "far", "value": null}]',
      '{"sea": "near", "income": 10}\n{"sea": "far", "income": 90}\n',
      '{"instances": [["near", 10], ["far", 90]]}',
    ])
      expect(
        documentOf(await piped(['predict', 'houses', '-', '--json', ...WASM], input)).predictions,
      ).toEqual(ran.predictions);
    const table = await fusor(['predict', 'houses', 'new.csv', '--quiet', ...WASM], { cwd });
    expect(table.stdout).toMatch(/^row +value\n─+ +─+\n +0 +1\.\d+\n +1 +1\.\d+\n$/);
  }, 120_000);

  test('a large one, in little memory', async () => {
    const rows = Array.from(
      { length: 400_000 },
      (_, i) => `${i % 2 ? 'near' : 'far'},${i % 100},${'x'.repeat(20)}`,
    );
    write('large.csv', `sea,income,note\n${rows.join('\n')}\n`);
    const env = { NODE_OPTIONS: '--max-old-space-size=64' };
    const ask = (...flags: string[]) =>
      fusor(['predict', 'houses', 'large.csv', ...flags, ...WASM], { cwd, env });
    const table = await ask('--quiet');
    expect([table.status, table.stdout.split('\n').length]).toEqual([0, rows.length + 3]);
    expect(documentOf(await ask('--json')).predictions).toHaveLength(rows.length);
  }, 60_000);

  test('classes have their names', async () => {
    const ran = await piped(['predict', 'kinds', '-', '--json', ...WASM], 'income\n3\n');
    expect(['far', 'near']).toContain(documentOf(ran).predictions[0].name);
  });

  test('arrays of its columns are the rows of text', async () => {
    const incomes = Float64Array.of(3, 95.5);
    const x = npyBytes('<f8', [2, 1], incomes);
    write('kinds.npy', x);
    write('kinds.npz', zipSync({ 'x.npy': x, 'y.npy': npyBytes('|u1', [2], Uint8Array.of(1, 0)) }));
    write('kinds-new.csv', `income,sea\n${incomes[0]},near\n${incomes[1]},far\n`);
    const ask = async (...words: string[]) => documentOf(await fusor([...words, '--json', ...WASM], { cwd }));
    const { predictions } = await ask('predict', 'kinds', 'kinds-new.csv');
    for (const file of ['kinds.npy', 'kinds.npz'])
      expect((await ask('predict', 'kinds', file)).predictions).toEqual(predictions);
    const tested = (file: string) => ask('evaluate', 'kinds', '--data', file);
    expect((await tested('kinds.npz')).test).toEqual((await tested('kinds-new.csv')).test);
  }, 60_000);

  test.each([
    ['a column that is not there', 'income\n3\n', 3, 'no column "sea"'],
    ['a category that was not there', 'sea,income\nunder,3\n', 3, 'stdin, line 2 · there were far, near'],
    [
      'text for a number',
      '\n\nsea,income\n\nfar,much\n',
      3,
      '"much" in column "income" is no number · stdin, line 5 · mend it [',
    ],
    [
      'an empty cell',
      'sea,income\nfar,\n',
      3,
      'stdin, line 2 · give one, or take the mean: --missing mean [',
    ],
    ['a row too long', 'sea,income\nfar,1,2\n', 3, '3 cells, the table has 2 columns · stdin, line 2 · '],
    ['a list too short', '[["far"]]', 3, 'a list of 2 cells: sea, income'],
    ['broken JSON', '[["far", 1', 3, 'no JSON'],
    ['a nested object', '[{"sea": {"deep": 1}, "income": 1}]', 3, '"sea" is neither a number nor text'],
    ['nothing', '', 3, 'nothing in it'],
    ['a header alone', 'sea,income\n', 3, 'no rows'],
    ['no text', Uint8Array.of(1, 2, 3, 0, 255), 3, 'what it holds is not known'],
  ])('%s is refused', async (_, input, status, named) => {
    const ran = await piped(['predict', 'houses', '-', ...WASM], input);
    expect([ran.status, ran.stderr]).toEqual([status, expect.stringContaining(named)]);
  });

  test('an empty cell may be the mean', async () => {
    const ask = (input: string) =>
      piped(['predict', 'houses', '-', '--missing', 'mean', '--json', ...WASM], input);
    const mean = cells.reduce((sum, [, , income]) => sum + Number(income), 0) / cells.length;
    const [empty, filled] = [await ask('sea,income\nfar,\n'), await ask(`sea,income\nfar,${mean}\n`)];
    const valueIn = (ran: typeof empty) => documentOf(ran).predictions[0].values[0];
    expect(Math.abs(valueIn(empty) - valueIn(filled))).toBeLessThan(0.05);
  });
});

test('a folder of images per class: its names, and fewer classes, of other sizes, to evaluate on', async () => {
  const colours = { blue: [0, 0, 255], green: [0, 255, 0], red: [255, 0, 0] } as const;
  for (const [name, background] of Object.entries(colours)) {
    const [r, g, b] = background;
    for (const folder of name === 'blue' ? ['colours'] : ['colours', 'fewer']) {
      mkdirSync(join(cwd, folder, name), { recursive: true });
      for (let i = 0; i < 12; i++) {
        const size = folder === 'fewer' ? { width: 8 + i, height: 20 } : { width: 8, height: 8 };
        const image = sharp({ create: { ...size, channels: 3, background: { r, g, b: b - i } } });
        write(join(folder, name, `${i}.png`), await image.png().toBuffer());
      }
    }
  }
  const flags = ['--epochs', '20', '--layers', '8', '--learning-rate', '0.01', '--run-dir', 'painted'];
  documentOf(await fusor(['train', '--data', './colours', ...flags, ...FAST], { cwd }));
  const red = ['predict', 'painted', join('colours', 'red', '3.png'), '--json', ...WASM];
  expect(documentOf(await fusor(red, { cwd })).predictions).toMatchObject([{ class: 2, name: 'red' }]);
  const fewer = ['evaluate', 'painted', '--data', './fewer', '--json', ...WASM];
  expect(documentOf(await fusor(fewer, { cwd })).test.accuracy).toBeGreaterThan(0.9);
  // Of other sizes, too, and in folders or none; what is no picture is left alone.
  mkdirSync(join(cwd, 'loose'));
  for (const [name, red] of [
    ['b.png', 255],
    ['a.jpg', 0],
  ] as const) {
    const background = { r: red, g: 0, b: 255 - red };
    const image = sharp({ create: { width: 20, height: 15, channels: 3, background } });
    await image.toFile(join(cwd, 'loose', name));
  }
  write(join('loose', 'notes.txt'), 'no picture');
  const rowsOf = async (...words: string[]) => {
    const ran = await fusor(['predict', 'painted', ...words, '--quiet', ...WASM], { cwd });
    return ran.stdout
      .split('\n')
      .slice(2, -1)
      .map((line) => line.trim().split(/ +/).slice(0, 2).join(' '));
  };
  expect(await rowsOf('./loose')).toEqual(['a.jpg blue', 'b.png red']);
  expect(await rowsOf('./fewer', '--limit', '2')).toEqual(['green/0.png green', 'green/1.png green']);
  expect(await rowsOf('./loose', join('fewer', 'red', '3.png'))).toEqual([
    'loose/a.jpg blue',
    'loose/b.png red',
    '3.png red',
  ]);
  const apart = ['loose/a.jpg', 'loose/b.png'];
  const [whole, listed] = await Promise.all(
    [['./loose'], apart].map((words) => fusor(['predict', 'painted', ...words, '--json', ...WASM], { cwd })),
  );
  expect(documentOf(whole).predictions).toMatchObject([
    { row: 'a.jpg', name: 'blue' },
    { row: 'b.png', name: 'red' },
  ]);
  expect(documentOf(listed).predictions).toEqual(documentOf(whole).predictions);
  const alone = await fusor(['evaluate', 'painted', '--data', './loose', ...WASM], { cwd });
  expect([alone.status, alone.stderr]).toEqual([
    3,
    expect.stringContaining('no folders of images, one a class'),
  ]);
  // As with train, whose model is an option.
  for (const model of [['--model', 'painted'], ['--model=painted']]) {
    const asked = ['predict', join('colours', 'red', '3.png'), ...model, '--json', ...WASM];
    expect(documentOf(await fusor(asked, { cwd })).predictions).toMatchObject([{ name: 'red' }]);
  }
}, 120_000);

test.each([
  [['predict', 'digits', 'absent.png'], 3, 'no such data file · absent.png · check the path'],
  [['predict', 'digits', 'nope'], 3, "no data set, file or folder 'nope' · name a file or folder"],
  [['evaluate', 'digits', '--data', 'nope'], 3, "no data set, file or folder 'nope' · name a file or folder"],
  [['predict', 'digits', '0.png', '--data', 'mnist'], 2, '--data and 0.png are both given'],
  [['predict', 'digits', '-', '-'], 2, 'stdin is named twice'],
  [['predict', 'houses', '0.png'], 2, 'a picture, the model takes [3]'],
  [['predict', 'digits', 'rows.csv', '0.png', '--limit', '1'], 0, ''],
])('%j', async (args, status, named) => {
  const ran = await fusor([...args, ...WASM], { cwd });
  expect([ran.status, ran.stderr]).toEqual([status, expect.stringContaining(named)]);
});
