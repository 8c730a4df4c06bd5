/** Figures as SVG files of their own: with title, legend and background, in the colours of the light setting. */
import { escapeText } from './html';
import { LIGHT, SERIES_COLOURS } from './page';

export interface Drawing {
  width: number;
  height: number;
  /** SVG elements; colours are the variables of the page. */
  body: string;
}

const FONT = "'DejaVu Sans', 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
const HEAD = 62;

/** @param legend names of the series, in their order; empty for none */
export function framed(
  title: string,
  note: string,
  { width, height, body }: Drawing,
  legend: readonly string[] = [],
): Drawing {
  const rows = placed(legend, width - 32);
  const top = rows.length > 0 ? HEAD + 26 + 20 * rows[rows.length - 1].row : HEAD;
  const names = rows.map(
    ({ name, series, x, row }) =>
      `<rect x="${16 + x}" y="${HEAD + 20 * row}" width="12" height="12" rx="3" fill="var(--s${series % SERIES_COLOURS})"/>` +
      `<text x="${34 + x}" y="${HEAD + 10 + 20 * row}" font-size="12" fill="var(--ink)">${escapeText(name)}</text>`,
  );
  return {
    width,
    height: top + height + 8,
    body:
      `<text x="16" y="28" font-size="16" font-weight="600" fill="var(--ink)">${escapeText(title)}</text>` +
      `<text x="16" y="48" font-size="12" fill="var(--muted)">${escapeText(note)}</text>${names.join('')}` +
      `<g transform="translate(0 ${top})">${body}</g>`,
  };
}

/** Names beside each other, as many as fit, about 7.2 pixels a letter. */
function placed(legend: readonly string[], width: number) {
  let [x, row] = [0, 0];
  return legend.map((name, series) => {
    const length = 40 + 7.2 * name.length;
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
  return { width: across, height: beside ? Math.max(...heights) : at, body: parts.join('') };
}

/** A whole file. */
export function svgFile({ width, height, body }: Drawing): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const background = `<rect width="${width}" height="${height}" fill="var(--paper)"/>`;
  const text = `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${FONT}">${background}${body}</svg>\n`;
  return text
    .replace(/font-family="inherit"|font-family:inherit/g, '')
    .replace(/var\((--\w+)\)/g, (_, name) => LIGHT[name] ?? 'none');
}

/** The same in a page, whose colours follow the reader's setting. */
export function inPage({ width, height, body }: Drawing): string {
  return `<svg viewBox="0 0 ${width} ${height}" style="max-width:${width}px">${body}</svg>`;
}
