import { Html, html, withOptions } from './html';
import { swatch } from './page';

/** One cell; the best of a column is set in bold. */
export interface Cell {
  text: string;
  best?: boolean;
}

/** Rows are series, with their colours; on narrow screens each row is a block of its own. */
export function seriesTable(
  titles: readonly string[],
  rows: readonly { name: string; cells: readonly Cell[] }[],
): Html {
  const head = titles.map((title) => html`<th>${title}</th>`);
  const lines = rows.map(({ name, cells }, series) => {
    const values = cells.map(
      ({ text, best }, i) => html`<td class="${best ? 'best' : ''}" data-title="${titles[i]}">${text}</td>`,
    );
    return html`<tr><td>${swatch(series)}${name}</td>${values}</tr>
`;
  });
  return html`<div class="scroll"><table class="stack"><thead><tr><th></th>${head}</tr></thead>
<tbody>${lines}</tbody></table></div>`;
}

/** Rows of figures, named by their first cell, which stays in sight where the table is wider than the screen. */
export function figureTable(titles: readonly string[], rows: readonly (readonly string[])[]): Html {
  const head = titles.map((title) => html`<th scope="col">${broken(title)}</th>`);
  const lines = rows.map(([name, ...cells]) => {
    return html`<tr><th scope="row">${broken(name)}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>
`;
  });
  // To be scrolled with keys, too.
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${titles[0]}: figures"><table class="figures"><thead><tr>${head}</tr></thead>
<tbody>${lines}</tbody></table></div>`;
}

/** A line may end after these. */
const broken = (text: string) =>
  text.split(/(?<=[+:])(?! )/).map((part, i) => html`${i > 0 ? new Html('<wbr>') : ''}${part}`);

/** Rows are facts, columns series: for text that may be long. */
export function factTable(titles: readonly string[], rows: readonly (readonly string[])[]): Html {
  const sign = (series: number) => (titles.length > 1 ? swatch(series) : html``);
  const head = titles.map((title, series) => html`<th scope="col">${sign(series)}${title}</th>`);
  const lines = rows.map(([fact, ...values]) => {
    // Of one series alone there is nothing to tell apart.
    const title = (i: number) => (titles.length > 1 ? titles[i] : '');
    const cells = values.map((value, i) => html`<td data-title="${title(i)}">${withOptions(value)}</td>`);
    return html`<tr><td class="muted">${fact}</td>${cells}</tr>
`;
  });
  return html`<div class="scroll"><table class="left stack"><thead><tr><th></th>${head}</tr></thead><tbody>${lines}</tbody></table></div>`;
}
