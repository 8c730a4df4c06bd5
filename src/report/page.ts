/**
 * A report as one self-contained HTML file: no script, no request (its policy forbids them, but for images in the page itself), light and dark by the
 * reader's setting, readable from 360 pixels on. Colours are the variables --ink, --muted, --line, --paper, --card and
 * --s0 … --s7, one a series.
 */
import { type Html, html, Html as Raw } from './html';

/** Series colours there are; a ninth series begins again, with another sign. */
export const SERIES_COLOURS = 8;

/** A series in a legend. */
export interface Named {
  name: string;
  series: number;
}

/** What tells series of one colour apart: full squares, then hollow ones, then discs, then rings. */
export function signOf(series: number) {
  const round = Math.floor(series / SERIES_COLOURS);
  return { hollow: round % 2 === 1, round: round % 4 > 1 };
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --muted: #59636e; --line: #d1d9e0; --paper: #ffffff; --card: #f6f8fa;
  --on: #ffffff; --s0: #0969da; --s1: #d1570a; --s2: #1a7f37; --s3: #8250df; --s4: #bf3989; --s5: #7d6200; --s6: #0b7285; --s7: #57606a; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --muted: #9198a1; --line: #3d444d; --paper: #0d1117;
  --card: #151b23; --on: #0d1117; --s0: #58a6ff; --s1: #f0883e; --s2: #3fb950; --s3: #bc8cff; --s4: #f778ba; --s5: #d4a72c;
  --s6: #39c5cf; --s7: #9da7b3; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 20px 48px; max-width: 1040px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 36px 0 10px; } h1, h2, h3, p, figcaption { overflow-wrap: anywhere; }
p { margin: 6px 0; } .lead { font-size: 17px; margin: 14px 0; } .muted { color: var(--muted); } .option { white-space: nowrap; }
.noise { padding: 8px 12px; border-left: 4px solid var(--s1); background: var(--card); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; vertical-align: top; }
th { color: var(--muted); font-weight: 600; font-size: 13px; } td:first-child, th:first-child { text-align: left; padding-left: 0; white-space: normal; overflow-wrap: anywhere; min-width: 130px; }
td.best { font-weight: 700; } .left td, .left th { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.left tr > :first-child { white-space: nowrap; }
.figures { font-size: 14px; } .figures th, .figures td { padding: 4px 8px; } .figures tbody th { white-space: nowrap; color: inherit; font: inherit; }
.figures tr > :first-child { position: sticky; left: 0; background: var(--paper); }
.swatch { display: inline-block; width: 12px; height: 12px; border: 3px solid; border-radius: 3px; margin-right: 7px; vertical-align: -1px; } .swatch.round { border-radius: 6px; }
.grid { display: grid; gap: 16px; grid-template-columns: repeat(auto-fill, minmax(min(100%, max(300px, 40%)), 1fr)); }
.grid.small { grid-template-columns: repeat(auto-fit, minmax(min(100%, 290px), 1fr)); }
figure { container-type: inline-size; margin: 0; padding: 14px 14px 8px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; min-width: 0; }
figure.wide { grid-column: 1 / -1; } figure + figure, figure + .scroll, .grid + figure { margin-top: 16px; } .grid > figure { margin-top: 0; }
figcaption { font-weight: 600; } figcaption small { display: block; font-weight: 400; color: var(--muted); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; margin: 6px 0 2px; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; } .scroll > svg { width: auto; } .middle, .narrow { display: none; }
.bar { margin: 9px 0; font-size: 14px; } .bar > div:first-child { display: flex; flex-wrap: wrap; justify-content: space-between; column-gap: 12px; overflow-wrap: break-word; }
.bar span { min-width: 0; } .bar b { margin-left: auto; white-space: nowrap; font-weight: 600; } .track { height: 14px; margin-top: 3px; border-radius: 3px; background: var(--line); }
.fill { height: 100%; border-radius: 3px; min-width: 2px; }
.stacked { display: flex; height: 26px; margin-top: 3px; min-width: 8px; }
.stacked > i, .lane > i { container-type: inline-size; height: 100%; min-width: 1px; border-right: 1px solid var(--card); overflow: hidden;
  font: 12px/26px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--on); }
.stacked span, .lane span { display: block; padding: 0 4px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
@container (max-width: 110px) { .stacked small, .lane small { display: none; } }
@container (max-width: 44px) { .stacked span, .lane span { display: none; } }
.track-name { font-size: 13px; color: var(--muted); margin-top: 8px; } .lane { position: relative; height: 24px; margin-top: 2px; overflow: hidden; }
.lane.ground { background: var(--line); border-radius: 3px; }
.lane > i { position: absolute; top: 0; line-height: 24px; } .lane.small { height: 18px; } .lane.small > i { line-height: 18px; font-size: 11px; }
.scale { display: flex; justify-content: space-between; font-size: 12px; color: var(--muted); margin-top: 2px; }
@container (max-width: 800px) { .broad:has(+ .middle) { display: none; } .middle { display: block; } }
@container (max-width: 430px) { .broad, .broad:has(+ .middle), .middle { display: none; } .narrow { display: block; } }
@media (max-width: 720px) {
  th, td { padding: 6px; } td:first-child, th:first-child { min-width: 96px; }
  .figures tbody th { white-space: normal; min-width: 96px; }
  body { padding: 18px 14px 40px; } h1 { font-size: 21px; }
  table.stack thead { display: none; } table.stack tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); }
  table.stack td { display: flex; justify-content: space-between; gap: 16px; border: 0; padding: 2px 0; white-space: normal; text-align: right; }
  table.stack td:first-child { display: block; font-weight: 700; color: var(--ink); overflow-wrap: anywhere; text-align: left; }
  table.stack td[data-title] { min-width: 0; overflow-wrap: anywhere; }
  table.stack td[data-title]::before { flex: none; max-width: 50%; }
  table.stack td[data-title]::before { content: attr(data-title); color: var(--muted); font-weight: 400; text-align: left; } }
@media print { body { max-width: none; } figure, tr { break-inside: avoid; } h2, h3, h3 + p { break-after: avoid; } .scroll { overflow: visible; } .scroll > svg { max-width: 100%; break-inside: avoid; }
  .swatch, .fill, .track, .stacked > i, .lane, .lane > i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .figures tr > :first-child { position: static; background: none; } .figures { font-size: 10px; } .figures th, .figures td { padding: 2px 4px; } }
`;

/** The colours of the light setting, by variable. */
export const LIGHT: Readonly<Record<string, string>> = Object.fromEntries(
  [...STYLE.slice(0, STYLE.indexOf('@media')).matchAll(/(--\w+): (#\w{6})/g)].map(([, name, value]) => [
    name,
    value,
  ]),
);

/** @param title text; @param body sections in their order; @param policy what it may load, by default nothing */
export function page(
  title: string,
  body: readonly Html[],
  policy = "default-src 'none'; style-src 'unsafe-inline'",
): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Raw(STYLE)}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`.text;
}

export function section(title: string, content: readonly Html[]): Html {
  return html`<section><h2>${title}</h2>
${content}
</section>
`;
}

export function swatch(series: number): Html {
  const [colour, { hollow, round }] = [`var(--s${series % SERIES_COLOURS})`, signOf(series)];
  const style = `border-color:${colour};background:${hollow ? 'none' : colour}`;
  return html`<span class="swatch${round ? ' round' : ''}" style="${style}"></span>`;
}
