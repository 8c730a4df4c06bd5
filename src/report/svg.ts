/** Figures as SVG files of their own: with title, legend and background, in the colours of the light setting. */
import stringWidth from 'string-width';
import { escapeText } from './html';
import { LIGHT, type Named, SERIES_COLOURS, signOf } from './page';

export interface Drawing {
  /** What it is, to those who hear it. */
  name: string;
  width: number;
  height: number;
  /** SVG elements; colours are the variables of the page. */
  body: string;
}

const FONT = "'DejaVu Sans', 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
const HEAD = 62;

/** Letters are about 0.6 of their size wide; those that take two cells of a terminal are square. */
function widthOf(letter: string, size: number): number {
  return size * Math.min(1, 0.6 * stringWidth(letter));
}

export function textWidth(text: string, size: number): number {
  return [...text].reduce((sum, letter) => sum + widthOf(letter, size), 0);
}

/** As much of a text as has room; all of it to who points at it. */
export function fitted(text: string, width: number, size: number): string {
  if (textWidth(text, size) <= width) return escapeText(text);
  let room = width - size;
  const shown = [...text].filter((letter) => {
    room -= widthOf(letter, size);
    return room >= 0;
  });
  return `${escapeText(shown.join(''))}…<title>${escapeText(text)}</title>`;
}

export function framed(
  title: string,
  note: string,
  { width, height, body }: Drawing,
  legend: readonly Named[] = [],
): Drawing {
  const rows = placed(legend, width - 32);
  const top = rows.length > 0 ? HEAD + 26 + 20 * rows[rows.length - 1].row : HEAD;
  const names = rows.map(
    ({ name, series, x, row }) =>
      sign(series, 16 + x, HEAD + 20 * row) +
      `<text x="${34 + x}" y="${HEAD + 10 + 20 * row}" font-size="12" fill="var(--ink)">${fitted(name, width - 72, 12)}</text>`,
  );
  return {
    name: title,
    width,
    height: top + height + 8,
    body:
      `<text x="16" y="28" font-size="16" font-weight="600" fill="var(--ink)">${escapeText(title)}</text>` +
      `<text x="16" y="48" font-size="12" fill="var(--muted)">${escapeText(note)}</text>${names.join('')}` +
      `<g transform="translate(0 ${top})">${body}</g>`,
  };
}

/** The swatch of a series. */
function sign(series: number, x: number, y: number): string {
  const colour = `var(--s${series % SERIES_COLOURS})`;
  const { hollow, round } = signOf(series);
  const ink = hollow ? `fill="none" stroke="${colour}" stroke-width="3"` : `fill="${colour}"`;
  // A border is half outside.
  const [inset, size] = hollow ? [1.5, 9] : [0, 12];
  return `<rect x="${x + inset}" y="${y + inset}" width="${size}" height="${size}" rx="${round ? 6 : 3}" ${ink}/>`;
}

/** Names beside each other, as many as fit. */
function placed(legend: readonly Named[], width: number) {
  let [x, row] = [0, 0];
  return legend.map(({ name, series }) => {
    const length = 40 + Math.min(textWidth(name, 12), width - 40);
    if (x > 0 && x + length > width) [x, row] = [0, row + 1];
    const place = { name, series, x, row };
    x += length;
    return place;
  });
}

/** Drawings below each other, or beside each other. */
export function stacked(drawings: readonly Drawing[], beside = false): Drawing {
  let at = 0;
  const parts = drawings.map(({ width, height, body }) => {
    const part = `<g transform="translate(${beside ? `${at} 0` : `0 ${at}`})">${body}</g>`;
    at += beside ? width : height;
    return part;
  });
  const [widths, heights] = [drawings.map(({ width }) => width), drawings.map(({ height }) => height)];
  const across = beside ? at : Math.max(...widths);
  const name = drawings.map((drawing) => drawing.name).join(', ');
  return { name, width: across, height: beside ? Math.max(...heights) : at, body: parts.join('') };
}

/** A whole file. */
export function svgFile({ name, width, height, body }: Drawing): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const background = `<rect width="${width}" height="${height}" fill="var(--paper)"/>`;
  const text = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" font-family="${FONT}"><title>${escapeText(name)}</title>${background}${body}</svg>\n`;
  return text
    .replace(/font-family="inherit"|font-family:inherit/g, '')
    .replace(/var\((--\w+)\)/g, (_, name) => LIGHT[name] ?? 'none');
}

/** The same in a page, whose colours follow the reader's setting: what is wider than the screen is scrolled, with keys, too. */
export function inPage({ name, width, height, body }: Drawing): string {
  const label = `aria-label="${escapeText(name)}"`;
  const svg = `<svg role="img" ${label} width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${body}</svg>`;
  return `<div class="scroll" tabindex="0" role="region" ${label}>${svg}</div>`;
}
