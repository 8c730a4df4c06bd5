import { type Html, html } from './html';
import { SERIES_COLOURS } from './page';

interface Bar {
  name: string;
  /** The colour. */
  series: number;
  /** Of the whole width, within [0, 1]; null: not known. */
  share: number | null;
  text: string;
}

function figureOf(title: string, note: string, all: readonly Bar[]): Html {
  const rows = all.map(({ name, series, share, text }) => {
    const style = `width:${(100 * (share ?? 0)).toFixed(2)}%;background:var(--s${series % SERIES_COLOURS})`;
    const fill = share === null ? [] : html`<div class="fill" style="${style}"></div>`;
    return html`<div class="bar"><div><span>${name}</span><b>${text}</b></div><div class="track">${fill}</div></div>
`;
  });
  return html`<figure><figcaption>${title}<small>${note}</small></figcaption>
${rows}</figure>
`;
}

/** Bars from 0, one a series, with the value written out; null: not measured. */
export function bars(
  title: string,
  note: string,
  values: readonly { name: string; value: number | null; text: string }[],
): Html {
  const greatest = Math.max(...values.map(({ value }) => value ?? 0)) || 1;
  const rows = values.map(({ name, value, text }, series) => {
    return { name, text, series, share: value === null ? null : value / greatest };
  });
  return figureOf(title, note, rows);
}

/** Bars of one series, each the share of a whole. */
export function shareBars(
  title: string,
  note: string,
  series: number,
  shares: readonly { name: string; share: number; text: string }[],
): Html {
  return figureOf(
    title,
    note,
    shares.map((each) => ({ ...each, series, share: Math.min(1, each.share) })),
  );
}
