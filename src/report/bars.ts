import { type Html, html } from './html';
import { SERIES_COLOURS } from './page';

/** Bars from 0, one a series, with the value written out; null: not measured. */
export function bars(
  title: string,
  note: string,
  values: readonly { name: string; value: number | null; text: string }[],
): Html {
  const greatest = Math.max(...values.map(({ value }) => value ?? 0)) || 1;
  const rows = values.map(({ name, value, text }, series) => {
    const width = ((100 * (value ?? 0)) / greatest).toFixed(2);
    const colour = `var(--s${series % SERIES_COLOURS})`;
    const fill = html`<div class="fill" style="width:${width}%;background:${colour}"></div>`;
    return html`<div class="bar"><div><span>${name}</span><b>${text}</b></div><div class="track">${value === null ? [] : fill}</div></div>
`;
  });
  return html`<figure><figcaption>${title}<small>${note}</small></figcaption>
${rows}</figure>
`;
}
