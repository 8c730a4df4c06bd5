import { inflateSync } from 'node:zlib';
import { classPictures } from '../../src/cli/pictures/classes';
import { figuresOf, type PlottedRun } from '../../src/cli/pictures/curves';
import { chart } from '../../src/cli/pictures/terminal';
import { valuePicture } from '../../src/cli/pictures/values';
import { classFigures, confusionMatrix, confusionOf } from '../../src/report/confusion';
import { type Curves, curves, drawn, legendOf, short, thinned, tickText } from '../../src/report/curves';
import { decimals } from '../../src/report/number';
import { png } from '../../src/report/png';
import { fitted, framed, inPage, stacked, svgFile } from '../../src/report/svg';
import { figureTable } from '../../src/report/table';
import { tiles, weightPixels } from '../../src/report/tiles';
import type { EpochRecord } from '../../src/runs/epoch-records';

test('confusion: counts, precision, recall and F1 a class', () => {
  const counts = confusionOf([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0], 3);
  expect(counts).toEqual([
    [2, 1, 0],
    [0, 2, 0],
    [1, 0, 0],
  ]);
  const [first, second, third] = classFigures(counts);
  expect(first).toEqual({ rows: 3, precision: 2 / 3, recall: 2 / 3, f1: 2 / 3 });
  expect(second).toEqual({ rows: 2, precision: 2 / 3, recall: 1, f1: 0.8 });
  expect(third).toEqual({ rows: 1, precision: Number.NaN, recall: 0, f1: 0 });
  const { body } = confusionMatrix(counts, ['a', '<b>', 'c']);
  expect(body).toContain('&lt;b&gt;');
  expect(body.match(/<rect/g)).toHaveLength(9);
});

test('two classes: what is above their matrix has room, too', () => {
  const { width } = confusionMatrix(
    [
      [1, 0],
      [0, 1],
    ],
    ['a', 'b'],
  );
  // 26 letters of 12 pixels.
  expect(width - 92).toBeGreaterThan(26 * 7);
});

test.each([
  [0, '0'],
  [0.5, '0.5'],
  [0.00012, '1.2e-4'],
  [9999, '9999'],
  [12_000, '12k'],
  [-1_500_000, '-1.5M'],
  [5e9, '5G'],
  [2.5e12, '2500G'],
  [4e17, '4e+17'],
])('%f on an axis', (value, text) => expect(short(value)).toBe(text));

test('values: R², errors, and as many points as can be seen', () => {
  const rows = (count: number) => Float32Array.from({ length: count }, (_, i) => i % 7);
  const of = (y: Float32Array, predicted: Float32Array) =>
    valuePicture(
      { x: { data: y, shape: [y.length] }, y: { data: y, shape: [y.length] } },
      {
        data: predicted,
        shape: [y.length, 1],
      },
    );
  const y = Float32Array.of(1, 2, 3, 6);
  const made = of(y, Float32Array.of(1, 2, 3, 8));
  // Σ(ŷ−y)² = 4, Σ(y−3)² = 14.
  expect(made?.says).toBe('R² 0.7143 · root mean square error 1.000 · greatest error 2.000');
  expect(made?.figure.curves[0].points).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
    [6, 8],
  ]);
  expect(made?.figure.limit).toEqual([
    [1, 1],
    [8, 8],
  ]);
  expect(of(rows(5000), rows(5000))?.figure.curves[0].points).toHaveLength(1667);
  expect(of(new Float32Array(3).fill(2), new Float32Array(3))?.says).toMatch(/^root/);
  expect(of(y, new Float32Array(8))).toBeUndefined();
});

test('png: the pixels come back', () => {
  const pixels = Uint8Array.from({ length: 2 * 3 * 3 }, (_, i) => i * 14);
  const bytes = png(pixels, 3, 2, 3);
  expect(bytes.subarray(1, 4).toString()).toBe('PNG');
  expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[24], bytes[25]]).toEqual([3, 2, 8, 2]);
  // The checksum of the empty chunk at the end is that of every PNG.
  expect(bytes.subarray(-4).toString('hex')).toBe('ae426082');
  const at = bytes.indexOf('IDAT') + 4;
  const lines = inflateSync(bytes.subarray(at, at + bytes.readUInt32BE(at - 8)));
  expect([...lines]).toEqual([0, ...pixels.subarray(0, 9), 0, ...pixels.subarray(9)]);
});

test('weights: 0 is white, the strongest has its full colour', () => {
  expect([...weightPixels([0, 1, -2, -1], 4, 1)]).toEqual([
    ...[255, 255, 255],
    ...[232, 171, 133],
    ...[9, 105, 218],
    ...[132, 180, 237],
  ]);
});

test('an SVG file needs nothing from outside, and text in it is text', () => {
  const tile = { pixels: new Uint8Array(4), width: 2, height: 2, channels: 1 as const, lines: ['1 & 2'] };
  const figure = framed('<Title>', 'note', tiles('tiles', [tile]), [
    { name: '"one"', series: 0 },
    { name: 'two', series: 9 },
  ]);
  const svg = svgFile(stacked([figure, figure], true));
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+"/);
  expect(svg).not.toMatch(/var\(|<Title>|"one"|1 & 2/);
  expect(svg).toContain('&lt;Title&gt;');
});

test.each([
  [0, '0.0000'],
  [0.74314718, '0.7431'],
  [-12.5, '-12.5000'],
  [0.00012345678, '0.000123457'],
  [483475.0625, '483475'],
  [1.80194e16, '1.8019e+16'],
  [1.262e-18, '1.2620e-18'],
])('%d in a sentence', (value, text) => expect(decimals(value)).toBe(text));

describe('curves in a terminal', () => {
  const axis = (values: number[]) => chart([values]).text.map((line) => Number.parseFloat(line));

  test('what does not change is at its own height', () => {
    const { text } = chart([[0.5, 0.5, 0.5]]);
    const [line] = text.filter((each) => each.includes('──'));
    expect(Number.parseFloat(line)).toBeCloseTo(0.5);
    expect(chart([[0, 0]]).text).toHaveLength(9);
  });

  test('the axis has the greatest and the least, also of a peak among many', () => {
    const values = Array.from({ length: 500 }, (_, i) => (i === 317 ? 9 : 1 + (i % 7) / 10));
    const lines = axis(values);
    expect([lines[0], lines.at(-1)]).toEqual([9, 1]);
    expect(chart([values]).text[0]).toMatch(/[╭╮]/);
  });

  test('great and small numbers keep their digits', () => {
    expect(axis([1.5e18, 3e17])[0]).toBe(1.5e18);
    expect(axis([9.4244e-10, 9.0429e-10])[0]).toBeCloseTo(9.4244e-10, 16);
    expect(new Set(axis([1.0001, 1.0002])).size).toBe(9);
  });
});

test('every row and column of a confusion matrix has its name, every cell says what it counts', () => {
  const of = (names: string[]) =>
    confusionMatrix(
      names.map((_, t) => names.map((__, p) => (t === p ? 9 : 1))),
      names,
    ).body;
  const named = (body: string, name: string) => body.split(`>${name}</text>`).length - 1;
  const short = of(['a', 'b']);
  expect([named(short, 'a'), named(short, 'b')]).toEqual([2, 2]);
  expect(short).not.toContain('rotate');
  // Names as text are in another order than numbers: the columns have names, too, written upwards.
  const many = Array.from({ length: 40 }, (_, c) => `Klasse ${c}`).sort();
  const body = of(many);
  expect(many.map((name) => named(body, name))).toEqual(many.map(() => 2));
  expect(body.match(/rotate\(-90/g)).toHaveLength(40);
  expect(body).toContain('<title>true Klasse 10, taken for Klasse 9: 1</title>');
  expect(body).not.toContain('var(--paper)');
  // Where they are cut, numbers tell them apart.
  const long = of(['the same beginning of this', 'the same beginning of that']);
  expect(long.match(/>0 the same[^<]*…<title>0 the same beginning of this</g)).toHaveLength(2);
});

test.each([
  [100, true, true],
  [120, false, true],
  [1001, false, false],
])('%i classes: what has no room for them is left out', (classes, matrix, table) => {
  const test = {
    x: { data: new Float32Array(2), shape: [2, 1] },
    y: { data: Int32Array.of(0, classes - 1), shape: [2] },
  };
  const predictions = { data: new Float32Array(2 * classes), shape: [2, classes] };
  const made = classPictures(test as never, predictions);
  expect([made?.classes, Boolean(made?.matrix), Boolean(made?.table)]).toEqual([classes, matrix, table]);
});

test('text that has no room is cut, and whole to who points at it', () => {
  expect(fitted('<short>', 100, 12)).toBe('&lt;short&gt;');
  expect(fitted('a rather long name', 60, 10)).toBe('a rather…<title>a rather long name</title>');
  expect(fitted('日本語日本語', 40, 10)).toBe('日本語…<title>日本語日本語</title>');
  const tile = { pixels: new Uint8Array(4), width: 2, height: 2, channels: 1 as const };
  const { body } = tiles('misses', [{ ...tile, lines: ['a class with a long name'] }]);
  expect(body).toContain('…<title>a class with a long name</title>');
  const name = 'x'.repeat(200);
  const legend = framed('t', 'n', { name: '', width: 300, height: 10, body: '' }, [{ name, series: 0 }]).body;
  expect(/>(x+)…<title>/.exec(legend)![1].length).toBeLessThan(40);
});

test('a drawing has a name; in a page it keeps its size and is scrolled with keys', () => {
  const drawing = { name: 'A & B', width: 900, height: 10, body: '' };
  expect(svgFile(stacked([drawing, { ...drawing, name: 'C' }]))).toMatch(
    /role="img"[^>]*><title>A &amp; B, C</,
  );
  const shown = inPage(drawing);
  expect(shown).toMatch(
    /^<div class="scroll" tabindex="0" role="region" aria-label="A &amp; B"><svg role="img"/,
  );
  expect(shown).toContain('width="900"');
  expect(figureTable(['class', 'rows'], [['a', '1']]).text).toContain('<th scope="row">a</th><td>1</td>');
});

test.each([
  [9.118e-10, 9.124e-10],
  [123_456, 123_458],
  [0.99999981, 1],
  [-1, 1],
  [0, 15_000],
])('ticks from %f to %f differ', (least, most) => {
  const text = tickText(least, most);
  const ticks = Array.from({ length: 10 }, (_, i) => text(least + ((most - least) * i) / 9));
  expect(new Set(ticks).size).toBe(10);
  expect(tickText(1, 1)(0.1 + 0.2)).toBe('0.3');
});

test('a thinned curve ends where the values do', () => {
  const points = thinned(new Float32Array(15_000).fill(2));
  expect(points).toHaveLength(395);
  expect(points.at(-1)).toEqual([15_000, 2]);
  expect(thinned([3, 4])).toEqual([
    [1, 3],
    [2, 4],
  ]);
});

const textsOf = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);

function lineOf(points: [number, number][], more: Partial<Curves> = {}): Curves {
  return { title: 't', note: 'n', legend: ['r'], curves: [{ series: 0, points }], x: 'step', ...more };
}

test('a logarithmic axis is as long as the values, and a linear one where they are within a decade', () => {
  const upwards = (values: number[]) => {
    const points = values.map((value, i): [number, number] => [i + 1, value]);
    return textsOf(drawn(lineOf(points, { logY: true }), 470));
  };
  expect(upwards([0.5, 0.6, 0.9])).toEqual(expect.arrayContaining(['0.6', '0.8']));
  const long = upwards([0.3, 3, 30]);
  expect(long).toEqual(expect.arrayContaining(['0.2', '1', '10', '50']));
  expect(long).not.toContain('100');
});

const record = (epoch: number, more: object) =>
  ({ epoch, loss: 1 - epoch / 10, seconds: 1, ...more }) as EpochRecord;
const noSteps = { stepLosses: null };

test('one epoch: a dot and a ring, in the middle of its axis', () => {
  const run = { name: 'r', epochs: [record(0, { valLoss: 1 })], ...noSteps };
  const [{ figure }] = figuresOf([run], ['loss']);
  expect(figure.note).toBe('by epoch · dot: training, ring: validation');
  const svg = drawn(figure, 470);
  expect(textsOf(svg)).toEqual(expect.arrayContaining(['0', '1', '2']));
  expect(svg).toMatch(/<path [^>]*transform="matrix\(7,[^>]* fill="none"[^>]* stroke="var\(--s0\)"/);
});

test('notes say what is drawn, titles are words', () => {
  const epochs = [0, 1].map((epoch) => record(epoch, { learningRate: 0.1 / (epoch + 1) }));
  const of = (run: Omit<PlottedRun, 'name'>) =>
    figuresOf([{ name: 'r', ...run }]).map(({ figure: { title, note } }) => [title, note]);
  expect(of({ epochs, stepLosses: Float32Array.of(3, 2, 1) })).toEqual([
    ['Loss', 'by epoch'],
    ['learning rate', 'by epoch'],
    ['Loss by step', 'every step'],
    ['Seconds an epoch', 'by epoch'],
  ]);
  const validated = epochs.map((each) => ({ ...each, valLoss: 2 }));
  const [[, both], ...others] = of({ epochs: validated, stepLosses: new Float32Array(1000) });
  expect(others.at(-1)).toEqual(['Seconds an epoch, validation included', 'by epoch']);
  expect(both).toBe('by epoch · solid: training, dashed: validation');
  expect(of({ epochs, stepLosses: new Float32Array(1000).fill(1) })).toContainEqual([
    'Loss by step',
    'means of neighbouring steps',
  ]);
});

test('a ninth series has another sign than the first, and legends are of what is drawn', () => {
  const points: [number, number][] = [
    [1, 1],
    [2, 2],
  ];
  const legend = Array.from({ length: 10 }, (_, i) => `run ${i}`);
  const figure = { ...lineOf(points), legend, curves: [0, 8].map((series) => ({ series, points })) };
  expect(legendOf(figure)).toEqual([
    { name: 'run 0', series: 0 },
    { name: 'run 8', series: 8 },
  ]);
  const page = curves(figure).text;
  expect(page).toMatch(/background:var\(--s0\)"><\/span>run 0<.*background:none"><\/span>run 8</);
  expect(page).not.toContain('run 1<');
  const marked = (series: number) => drawn({ ...figure, curves: [{ series, points }] }, 470);
  expect(marked(8)).not.toBe(marked(0));
  expect(marked(16)).not.toBe(marked(8));
});

test('predicted against true: named axes, of one length', () => {
  const y = Float32Array.of(-1, 2);
  const picture = valuePicture(
    { x: { data: y, shape: [2] }, y: { data: y, shape: [2] } },
    { data: Float32Array.of(-4, 5), shape: [2, 1] },
  )!;
  const svg = drawn(picture.figure, 400);
  expect(svg).toMatch(/width="400" height="400"/);
  const texts = textsOf(svg);
  expect(texts).toEqual(expect.arrayContaining(['true', 'predicted']));
  // Each tick is on both.
  const ticks = texts.filter((text) => /\d/.test(text));
  expect(ticks.map((tick) => ticks.filter((other) => other === tick).length)).toEqual(ticks.map(() => 2));
});
