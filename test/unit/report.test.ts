import { inflateSync } from 'node:zlib';
import { chart } from '../../src/cli/pictures/terminal';
import { valuePicture } from '../../src/cli/pictures/values';
import { classFigures, confusionMatrix, confusionOf } from '../../src/report/confusion';
import { short } from '../../src/report/curves';
import { decimals } from '../../src/report/number';
import { png } from '../../src/report/png';
import { framed, stacked, svgFile } from '../../src/report/svg';
import { tiles, weightPixels } from '../../src/report/tiles';

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
    [6, 6],
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
  const figure = framed('<Title>', 'note', tiles([tile]), ['"one"', 'two']);
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
