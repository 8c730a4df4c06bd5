/** Small images in rows, each with lines below it. */
import { dataUrl, png } from './png';
import { type Drawing, fitted } from './svg';

export interface Tile {
  /** Bytes [height, width, channels]. */
  pixels: Uint8Array;
  width: number;
  height: number;
  channels: 1 | 3;
  lines: readonly string[];
}

const SIZE = 72;
const GAP = 14;

/** @param columns in a row */
export function tiles(name: string, all: readonly Tile[], columns = 10): Drawing {
  const lines = Math.max(0, ...all.map((tile) => tile.lines.length));
  const step = SIZE + GAP + 15 * lines;
  const body = all.map(({ pixels, width, height, channels, lines: texts }, i) => {
    const [x, y] = [16 + (i % columns) * (SIZE + GAP), Math.floor(i / columns) * step];
    const url = dataUrl(png(pixels, width, height, channels));
    const image = `<image x="${x}" y="${y}" width="${SIZE}" height="${SIZE}" href="${url}" style="image-rendering:pixelated" preserveAspectRatio="xMidYMid"/>`;
    const border = `<rect x="${x}" y="${y}" width="${SIZE}" height="${SIZE}" fill="none" stroke="var(--line)"/>`;
    const words = texts.map(
      (text, line) =>
        `<text x="${x + SIZE / 2}" y="${y + SIZE + 13 + 14 * line}" font-size="11" text-anchor="middle" fill="var(--${line === 0 ? 'ink' : 'muted'})">${fitted(text, SIZE + GAP - 4, 11)}</text>`,
    );
    return image + border + words.join('');
  });
  const rows = Math.ceil(all.length / columns);
  const across = Math.min(columns, Math.max(all.length, 6));
  return { name, width: 32 + across * (SIZE + GAP) - GAP, height: rows * step, body: body.join('') };
}

/**
 * Weights as colours: blue below 0, white at 0, orange above, as strong as the greatest of them.
 * @param weights [height, width, channels]; of several channels the mean is shown
 */
export function weightPixels(weights: ArrayLike<number>, pixels: number, channels: number): Uint8Array {
  const values = Float64Array.from({ length: pixels }, (_, p) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += weights[p * channels + c];
    return sum / channels;
  });
  const most = values.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0) || 1;
  const bytes = new Uint8Array(pixels * 3);
  const ends = [
    [9, 105, 218],
    [209, 87, 10],
  ];
  values.forEach((value, p) => {
    const [strength, end] = [Math.abs(value) / most, ends[value < 0 ? 0 : 1]];
    for (let c = 0; c < 3; c++) bytes[p * 3 + c] = Math.round(255 + (end[c] - 255) * strength);
  });
  return bytes;
}
