/** Stacked bars, and bars along time: plain boxes, as wide as the page lets them be. */
import { type Html, html } from './html';
import { SERIES_COLOURS, swatch } from './page';

export interface Part {
  name: string;
  /** The colour. */
  series: number;
  value: number;
}

const colour = (series: number) => `var(--s${series % SERIES_COLOURS})`;

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
    const boxes = parts
      .filter(({ value }) => value > 0)
      .map(({ name: part, series, value }, at, all) => {
        // Neighbours of one colour differ in its brightness.
        let dim = false;
        for (let i = at; i > 0 && all[i - 1].series === series; i--) dim = !dim;
        const share = ((100 * value) / sums[i]).toFixed(2);
        return html`<i class="${dim ? 'dim' : ''}" style="width:${share}%;background:${colour(series)}" title="${part}: ${share} %"></i>`;
      });
    const width = ((100 * sums[i]) / greatest).toFixed(2);
    return html`<div class="bar"><div><span>${name}</span><b>${text}</b></div><div class="stacked" style="width:${width}%">${boxes}</div></div>
`;
  });
  return html`<figure class="wide"><figcaption>${title}<small>${note}</small></figcaption>
<div class="legend">${legend.map((name, series) => html`<span>${swatch(series)}${name}</span>`)}</div>
${bars}</figure>
`;
}

export interface Lane {
  name: string;
  /** Within [0, 1]. */
  boxes: readonly { name: string; series: number; begin: number; end: number }[];
  /** Of what lies within the boxes. */
  inner: readonly { name: string; series: number; begin: number; end: number }[];
}

/** Who did what when; the boxes' names stand in them as far as there is room. */
export function timeLanes(title: string, note: string, length: string, lanes: readonly Lane[]): Html {
  const boxesOf = (boxes: Lane['boxes']) =>
    boxes.map(({ name, series, begin, end }) => {
      const [left, width] = [100 * begin, 100 * (end - begin)].map((value) => value.toFixed(3));
      const style = `left:${left}%;width:${width}%;background:${colour(series)}`;
      return html`<i style="${style}" title="${name}">${end - begin > 0.04 ? name : ''}</i>`;
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
