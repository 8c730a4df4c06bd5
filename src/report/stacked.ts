/** Stacked bars, and bars along time: plain boxes, as wide as the page lets them be, with their names in them as far as there is room. */
import { type Html, html } from './html';
import { SERIES_COLOURS, swatch } from './page';
import { percent } from './percent';

export interface Part {
  name: string;
  /** The colour. */
  series: number;
  value: number;
}

const colour = (series: number) => `var(--s${series % SERIES_COLOURS})`;

/** A box that is so much of its row has its name in it. */
const ROOM = 0.04;

/** One that is less is all colour: its border would be all there is of it. */
const BORDER = 0.006;

const box = (place: string, name: string, figure: string, share: number) => {
  const style = share >= BORDER ? place : `${place};border:0`;
  const inside = share >= ROOM ? html`<span>${name} <small>${figure}</small></span>` : html``;
  return html`<i style="${style}" title="${name} · ${figure}">${inside}</i>`;
};

/** One bar a row; the longest takes the whole width. */
export function stackedBars(
  title: string,
  note: string,
  legend: readonly string[],
  rows: readonly { name: string; text: string; parts: readonly Part[] }[],
): Html {
  const sums = rows.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0));
  const greatest = Math.max(...sums) || 1;
  const bars = rows.map(({ name, text, parts }, i) => {
    const shown = parts.filter(({ value }) => value > 0);
    const boxes = shown.map(({ name: part, series, value }) => {
      const style = `width:${((100 * value) / sums[i]).toFixed(2)}%;background:${colour(series)}`;
      return box(style, part, percent(value / sums[i]), value / greatest);
    });
    const width = ((100 * sums[i]) / greatest).toFixed(2);
    const spoken = shown.map((part) => `${part.name} ${percent(part.value / sums[i])}`).join(', ');
    return html`<div class="bar"><div><span>${name}</span><b>${text}</b></div><div class="stacked" role="img" aria-label="${name}, ${text}: ${spoken}" style="width:${width}%">${boxes}</div></div>
`;
  });
  return html`<figure class="wide"><figcaption>${title}<small>${note}</small></figcaption>
<div class="legend">${legend.map((name, series) => html`<span>${swatch(series)}${name}</span>`)}</div>
${bars}</figure>
`;
}

interface Box {
  name: string;
  /** How long it took. */
  figure: string;
  series: number;
  /** Within [0, 1]. */
  begin: number;
  end: number;
}

export interface Lane {
  name: string;
  boxes: readonly Box[];
  /** Of what lies within the boxes. */
  inner: readonly Box[];
}

/** Who did what when. */
export function timeLanes(title: string, note: string, length: string, lanes: readonly Lane[]): Html {
  const boxesOf = (boxes: readonly Box[]) =>
    boxes.map(({ name, figure, series, begin, end }) => {
      const [left, width] = [100 * begin, 100 * (end - begin)].map((value) => value.toFixed(3));
      return box(`left:${left}%;width:${width}%;background:${colour(series)}`, name, figure, end - begin);
    });
  const rows = lanes.map(({ name, boxes, inner }) => {
    const within = inner.length > 0 ? html`<div class="lane small">${boxesOf(inner)}</div>` : html``;
    return html`<div class="track-name">${name}</div><div class="lane ground">${boxesOf(boxes)}</div>${within}
`;
  });
  return html`<figure class="wide"><figcaption>${title}<small>${note}</small></figcaption>
${rows}<div class="scale"><span>0</span><span>${length}</span></div></figure>
`;
}
