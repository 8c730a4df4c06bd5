/** `--data` with a table of the user's own: what it becomes is kept with the run, and taken again to evaluate. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { decimals } from '../../src/report/number';
import { documentOf, fusor } from '../support/cli';
import { npyBytes } from '../support/npy';
import { temporaryFolder } from '../support/script';

const cwd = temporaryFolder();
const WASM = ['--backend', 'tfjs', '--tfjs-engine', 'wasm', '--seed', '1', '--json'];
const houses = ['income,sea,value'];
const flowers = ['width,kind'];
for (let i = 0; i < 400; i++) {
  const income = (i * 37) % 100;
  houses.push(`${income},${i % 2 ? 'near' : 'far'},${income / 50 + (i % 2)}`);
  flowers.push(`${(i % 3) + ((i * 7) % 10) / 20},${['rose', 'lily', 'iris'][i % 3]}`);
}
writeFileSync(join(cwd, 'houses.csv'), houses.join('\n'));
writeFileSync(join(cwd, 'flowers.csv'), flowers.join('\n'));
writeFileSync(
  join(cwd, 'few.csv'),
  ['value,sea,income', ...houses.slice(2, 6).map((row) => row.split(',').reverse().join(','))].join('\n'),
);

const train = (data: string, label: string, ...more: string[]) =>
  fusor(
    [
      'train',
      '--data',
      data,
      '--label',
      label,
      '--epochs',
      '30',
      '--layers',
      '16',
      '--learning-rate',
      '0.01',
      ...more,
      ...WASM,
    ],
    { cwd },
  );

test('shares that leave nothing to train', async () => {
  const ran = await train('houses.csv', 'value', '--test-split', '0.5', '--validation-split', '0.6');
  expect([ran.status, ran.stderr]).toEqual([2, expect.stringContaining('must be a share below 1')]);
});

test('values: squared error, its metric, and the same columns for other rows', async () => {
  const ran = await train('houses.csv', 'value', '--run-dir', 'run', '--no-progress');
  expect(ran.stderr).toContain(
    '1 numbers and 1 categories (sea 2), standardised, to predict a value, "value"; rows to train, validate, test: 240, 80, 80',
  );
  const { test: tested, history, model, data } = documentOf(ran);
  expect(Object.keys(history[0])).toEqual(expect.arrayContaining(['loss', 'mae', 'valLoss', 'valMae']));
  const [dense, rescaling] = model.layers.slice(-2);
  expect(dense.config).toMatchObject({ units: 1, activation: 'linear' });
  expect(rescaling.className).toBe('Rescaling');
  expect([tested.accuracy, data.rows]).toEqual([null, 320]);
  expect(tested.mae).toBeLessThan(0.2);
  expect(ran.stderr).toContain('mae: ');
  const page = readFileSync(join(cwd, 'run', 'report.html'), 'utf8');
  expect(page).toContain(`Test loss ${decimals(tested.loss)} · test mae ${decimals(tested.mae)}`);
  expect(page).toMatch(/R² 0\.9\d+ · root mean square error 0\.\d+ · greatest error/);
  for (const name of ['mae', 'values'])
    expect(readFileSync(join(cwd, 'run', 'pictures', `${name}.svg`), 'utf8')).toMatch(/^<svg /);
  const plotted = await fusor(['plot', 'run'], { cwd });
  expect(plotted.stdout).toMatch(
    /^run\n\nloss: training, validation\n[\s\S]*\n\nmae: training, validation\n/,
  );
  const again = await fusor(
    ['evaluate', 'run', '--data', 'few.csv', ...WASM.filter((flag) => !/seed|^1$/.test(flag))],
    { cwd },
  );
  expect(documentOf(again).test.mae).toBeLessThan(0.3);
  // Not on MNIST, which is what other models are tried on.
  for (const [command, model] of [
    ['evaluate', 'run'],
    ['predict', 'run'],
    ['evaluate', 'run/model'],
  ]) {
    const { status, stderr } = await fusor([command, model], { cwd });
    expect([status, stderr]).toEqual([2, expect.stringContaining(`houses.csv: name data of that form`)]);
  }
});

test("values by a huber loss of a delta of one's own, which is kept; other losses have none", async () => {
  const ran = await train(
    'houses.csv',
    'value',
    '--run-dir',
    'huber',
    '--loss',
    'huber',
    '--huber-delta',
    '0.3',
  );
  const { test: tested } = documentOf(ran);
  expect(tested.mae).toBeLessThan(0.2);
  const { config } = JSON.parse(readFileSync(join(cwd, 'huber', 'model', 'model.json'), 'utf8'));
  expect(config.compile.loss).toEqual({ kind: 'huber', fromLogits: false, delta: 0.3 });
  const { stdout } = await fusor(['inspect', 'huber/model'], { cwd });
  expect(stdout).toContain('loss huber of delta 0.3');
  const { status, stderr } = await train('houses.csv', 'value', '--huber-delta', '0.3');
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining(
      'the loss is meanSquaredError, which has no delta · --huber-delta · give --loss huber',
    ),
  ]);
});

test('values of any size are learnt', async () => {
  const [head, ...rows] = readFileSync(join(cwd, 'houses.csv'), 'utf8').trim().split('\n');
  const at = head.split(',').indexOf('value');
  const dear = rows.map((row) => {
    const cells = row.split(',');
    cells[at] = String(300_000.5 + 100_000 * Number(cells[at]));
    return cells.join(',');
  });
  writeFileSync(join(cwd, 'dear.csv'), [head, ...dear].join('\n'));
  const { test: plain } = documentOf(await train('houses.csv', 'value', '--run-dir', 'plain'));
  const { test: tested } = documentOf(await train('dear.csv', 'value', '--run-dir', 'dear'));
  expect(tested.mae / 100_000 / plain.mae).toBeCloseTo(1, 2);
});

test('values: the run goes on, and is repeated by its config', async () => {
  const flags = ['--epochs', '1', '--layers', '4', '--quiet', ...WASM];
  const begun = await fusor(
    ['train', '--data', 'houses.csv', '--label', 'value', '--run-dir', 'short', ...flags],
    { cwd },
  );
  const on = documentOf(
    await fusor(['train', '--resume', 'short', '--epochs', '2', '--quiet', '--json'], { cwd }),
  );
  expect(on.history[0]).toEqual(documentOf(begun).history[0]);
  expect(on.history).toHaveLength(2);
  const again = await fusor(
    ['train', '--config', 'short/config.json', '--run-dir', 'again', '--quiet', '--json'],
    { cwd },
  );
  expect(documentOf(again).test).toEqual(on.test);
});

test('what is likely a mistake is said: text among numbers, a picture that is none', async () => {
  const odd = houses.map((row, i) => {
    const [income, sea, value] = row.split(',');
    return i === 0
      ? row
      : [i === 9 ? 'N-A' : i % 10, sea, Number(value) * 1e5 + 0.5, income].slice(0, 3).join(',');
  });
  writeFileSync(join(cwd, 'odd.csv'), odd.join('\n'));
  const { status, stderr } = await train('odd.csv', 'value', '--run-dir', 'odd', '--no-progress');
  expect(status).toBe(0);
  expect(stderr).toContain(
    'warning: income holds numbers, and "N-A": so it became 11 categories; mend those cells',
  );
  expect(stderr.match(/warning/g)).toHaveLength(1);
  writeFileSync(join(cwd, 'bad.png'), 'x');
  const predicted = await fusor(['predict', 'odd', 'bad.png'], { cwd });
  expect([predicted.status, predicted.stderr]).toEqual([
    3,
    expect.stringMatching(/^error: the image cannot be read · bad\.png · /),
  ]);
});

test('what fills empty cells in training fills them afterwards', async () => {
  const holes = houses.map((row, i) => (i % 20 === 3 ? row.replace(/^\d+/, '') : row)).join('\n');
  writeFileSync(join(cwd, 'holes.csv'), holes);
  expect((await train('holes.csv', 'value', '--missing', 'mean', '--run-dir', 'holes')).status).toBe(0);
  const ran = (...words: string[]) =>
    fusor([...words, '--backend', 'tfjs', '--tfjs-engine', 'wasm'], { cwd });
  expect((await ran('evaluate', 'holes', '--data', 'holes.csv')).status).toBe(0);
  expect((await ran('predict', 'holes', 'holes.csv', '--limit', '4')).status).toBe(0);
  const asked = await ran('evaluate', 'holes', '--data', 'holes.csv', '--missing', 'error');
  expect([asked.status, asked.stderr]).toEqual([3, expect.stringContaining('no value in column "income"')]);
  // Also a copy that has left the run.
  expect((await fusor(['convert', 'holes', 'holes-web'], { cwd })).status).toBe(0);
  expect((await ran('evaluate', 'holes-web', '--data', 'holes.csv')).status).toBe(0);
  expect((await ran('evaluate', 'holes-web', '--data', 'holes.csv', '--missing', 'error')).status).toBe(3);
});

test('decimal commas in training are decimal commas afterwards, unless it is said otherwise', async () => {
  const commas = houses.map((row) => row.replaceAll(',', ';').replaceAll('.', ',')).join('\n');
  writeFileSync(join(cwd, 'commas.csv'), commas);
  expect((await train('commas.csv', 'value', '--decimal', ',', '--run-dir', 'commas')).status).toBe(0);
  const ran = (...words: string[]) =>
    fusor([...words, '--json', '--backend', 'tfjs', '--tfjs-engine', 'wasm'], { cwd });
  const predict = ['predict', 'commas', '--limit', '4'];
  const commaed = await ran(...predict, 'commas.csv');
  const pointed = await ran(...predict, '--decimal', '.', 'houses.csv');
  expect(documentOf(commaed).predictions).toEqual(documentOf(pointed).predictions);
  const asked = (...more: string[]) => ran('evaluate', 'commas', '--data', 'commas.csv', ...more);
  expect((await asked()).status).toBe(0);
  expect(await asked('--decimal', '.')).toMatchObject({
    status: 3,
    stdout: expect.stringMatching(/"1,74\\" in column .*value\\" is no number .*line 3 · /),
  });
});

test('rows that were dropped in training are dropped afterwards', async () => {
  const flags = ['--missing', 'drop', '--run-dir', 'dropped'];
  expect((await train('holes.csv', 'value', ...flags)).status).toBe(0);
  const ran = (...words: string[]) =>
    fusor([...words, '--json', '--backend', 'tfjs', '--tfjs-engine', 'wasm'], { cwd });
  const whole = houses.length - 1;
  const dropped = houses.filter((_, i) => i % 20 === 3).length;
  expect((await fusor(['convert', 'dropped', 'dropped-web'], { cwd })).status).toBe(0);
  for (const model of ['dropped', 'dropped-web'])
    expect(documentOf(await ran('evaluate', model, '--data', 'holes.csv')).data.rows).toBe(whole - dropped);
  const asked = await ran('evaluate', 'dropped', '--data', 'holes.csv', '--missing', 'error');
  expect([asked.status, asked.stdout]).toEqual([3, expect.stringContaining('no value in column')]);
  // An answer for each row, or none.
  expect((await ran('predict', 'dropped', 'holes.csv')).status).toBe(3);
});

test('text is classes; a label that is not a column, nearly', async () => {
  const { test: tested, model } = documentOf(await train('flowers.csv', 'kind', '--quiet'));
  expect(model.layers.at(-1).config.units).toBe(3);
  expect(tested.accuracy).toBeGreaterThan(0.9);
  const wrong = await train('flowers.csv', 'knd');
  expect([wrong.status, wrong.stdout]).toEqual([2, expect.stringContaining('did you mean kind?')]);
});

test('booleans of numpy are taken as 0 and 1, which is said; evaluate and predict take them so, too', async () => {
  const rows = 200;
  const bits = Uint8Array.from({ length: 4 * rows }, (_, i) => ((i * i + i) >> 2) & 1);
  const labels = Uint8Array.from({ length: rows }, (_, row) => bits[4 * row] ^ bits[4 * row + 1]);
  const archive = (descr: string, x: ArrayBufferView) =>
    zipSync({ 'x.npy': npyBytes(descr, [rows, 4], x), 'y.npy': npyBytes('|u1', [rows], labels) });
  writeFileSync(join(cwd, 'bits.npz'), archive('|b1', bits));
  writeFileSync(join(cwd, 'floats.npz'), archive('<f4', Float32Array.from(bits)));
  const flags = ['--epochs', '40', '--layers', '16', '--learning-rate', '0.02', '--no-progress', ...WASM];
  const ran = await fusor(['train', '--data', 'bits.npz', '--run-dir', 'bits', ...flags], { cwd });
  expect(ran.stderr).toContain(
    'bits.npz: 4 numbers a row, bytes as they are: none is above 1, to predict 2 classes; rows to train, validate, test: 120, 40, 40',
  );
  expect(documentOf(ran).test.accuracy).toBeGreaterThan(0.95);
  for (const command of [
    ['evaluate', 'bits', '--data'],
    ['predict', 'bits'],
  ]) {
    const [bytes, floats] = await Promise.all(
      ['bits.npz', 'floats.npz'].map(async (file) => {
        const { test: tested, predictions } = documentOf(
          await fusor([...command, file, '--backend', 'tfjs', '--tfjs-engine', 'wasm', '--json'], { cwd }),
        );
        return tested ?? predictions;
      }),
    );
    expect(bytes).toEqual(floats);
    if (command[0] === 'evaluate') expect(bytes.accuracy).toBeGreaterThan(0.95);
  }
});

test('to train on from a run takes other data as that had it: its columns and its classes', async () => {
  expect((await train('flowers.csv', 'kind', '--quiet', '--run-dir', 'three')).status).toBe(0);
  // Of the classes all but the first, and other widths, which would be standardised otherwise.
  const some = flowers.filter((row, i) => i === 0 || /lily|rose/.test(row)).slice(0, 120);
  writeFileSync(join(cwd, 'two.csv'), some.join('\n'));
  const on = (...more: string[]) => fusor(['train', '--model', 'three', ...more, ...WASM], { cwd });
  const forgotten = await on();
  expect([forgotten.status, forgotten.stderr]).toEqual([
    2,
    expect.stringMatching(
      /no data is named .* · three · it was trained on .*flowers\.csv: name data of that form/,
    ),
  ]);
  const still = ['--epochs', '1', '--learning-rate', '1e-9'];
  const ran = await on('--data', 'two.csv', '--label', 'kind', ...still, '--run-dir', 'on', '--no-progress');
  expect(documentOf(ran).test.accuracy).toBeGreaterThan(0.9);
  expect(ran.stderr).toContain('1 numbers, as the model was trained on them, to predict 3 classes, "kind"');
  const keptIn = (run: string) => readFileSync(join(cwd, run, 'data.json'), 'utf8');
  const kept = keptIn('three');
  expect(keptIn('on')).toBe(kept);
  // What it has kept itself is enough to go on.
  rmSync(join(cwd, 'three', 'data.json'));
  expect((await fusor(['train', '--resume', 'on', '--epochs', '2', '--quiet'], { cwd })).status).toBe(0);
  writeFileSync(join(cwd, 'three', 'data.json'), kept);
  writeFileSync(join(cwd, 'other.csv'), [...some, '1,tulip'].join('\n'));
  const other = await on('--data', 'other.csv');
  expect([other.status, other.stderr]).toEqual([
    3,
    expect.stringMatching(/"tulip" in column "kind" was not there in training · .*other\.csv, line 121 · /),
  ]);
  const read = flowers[0].split(',').find((name) => name !== 'kind');
  const input = await on('--data', 'two.csv', '--label', `${read}`);
  expect(input.stderr).toContain(`a column that the model does not read, got "${read}"`);
  expect(input.stderr).toContain('in training the label was kind');
  expect(input.status).toBe(2);
});

test('a conversion keeps how data is taken, beside a folder; of a file it says that this is left out', async () => {
  await train('flowers.csv', 'kind', '--quiet', '--run-dir', 'kinds');
  const ask = (...words: string[]) =>
    fusor([...words, '--json', '--backend', 'tfjs', '--tfjs-engine', 'wasm'], { cwd });
  const convert = async (...words: string[]) =>
    documentOf(await fusor(['convert', ...words, '--json'], { cwd })).leftOut;
  const some = flowers.filter((row, i) => i === 0 || /lily|rose/.test(row)).slice(0, 60);
  writeFileSync(join(cwd, 'few-kinds.csv'), some.join('\n'));
  const [tested, predicted] = await Promise.all([
    ask('evaluate', 'kinds', '--data', 'few-kinds.csv'),
    ask('predict', 'kinds', 'few-kinds.csv'),
  ]);
  expect(await convert('kinds', 'kinds-web')).toEqual([]);
  expect(await convert('kinds-web', 'kinds-back')).toEqual([]);
  expect(readFileSync(join(cwd, 'kinds-back', 'data.json'))).toEqual(
    readFileSync(join(cwd, 'kinds', 'data.json')),
  );
  // A file has no room for it: what is guessed instead is said.
  await convert('kinds', 'kinds.keras');
  const guessed = await ask('evaluate', 'kinds.keras', '--data', 'flowers.csv', '--label', 'kind');
  expect(guessed.stderr).toContain('does not say how columns were standardised in training');
  expect(tested.stderr).not.toContain('standardised');
  const bare = some.map((row) => row.slice(0, row.lastIndexOf(',')));
  writeFileSync(join(cwd, 'bare.csv'), bare.join('\n'));
  const raw = await ask('predict', 'kinds.keras', 'bare.csv');
  expect(raw.stderr).toContain(
    'the numbers of bare.csv are taken as they are, so what comes of them may be wrong',
  );
  const further = await fusor(
    [
      'train',
      '--model',
      'kinds.keras',
      '--data',
      'flowers.csv',
      '--label',
      'kind',
      '--epochs',
      '1',
      '--run-dir',
      'further',
      ...WASM,
    ],
    { cwd },
  );
  expect(further.stderr).toContain(
    'kinds.keras does not say how columns were standardised in training: they are by these rows',
  );
  for (const model of ['kinds-web', 'kinds-back']) {
    const again = await ask('evaluate', model, '--data', 'few-kinds.csv');
    expect(documentOf(again).test).toEqual(documentOf(tested).test);
    const rows = await ask('predict', model, 'few-kinds.csv');
    expect(documentOf(rows).predictions).toEqual(documentOf(predicted).predictions);
  }
  const columns = 'how the columns were standardised';
  const names = 'the names of the classes';
  expect(await convert('kinds', 'kinds.npz')).toEqual([`${columns}, and ${names}: it has no place for them`]);
  const said = await fusor(['convert', 'kinds', 'kinds.safetensors'], { cwd });
  expect(said.stderr).toContain(`left out: ${columns}, and ${names}: it has no place for them\n`);
  const file = join(cwd, 'kinds', 'data.json');
  const { columns: inTable, label, scale } = JSON.parse(readFileSync(file, 'utf8'));
  for (const [name, kept, parts] of [
    ['values', { columns: inTable, label: { name: label.name }, scale }, columns],
    ['names', { classes: label.classes }, names],
  ]) {
    writeFileSync(file, JSON.stringify(kept));
    expect(await convert('kinds', `${name}.npz`)).toEqual([`${parts}: it has no place for them`]);
  }
  // Numbered by these rows, the lilies would be the irises' output.
  const { status, stderr } = await fusor(
    ['evaluate', 'kinds.npz', '--data', 'few-kinds.csv', '--label', 'kind'],
    { cwd },
  );
  expect([status, stderr]).toEqual([
    3,
    expect.stringMatching(
      /2 classes \(lily, rose\), the model has 3 outputs · .*few-kinds.csv · .*data.json/,
    ),
  ]);
}, 120_000);
