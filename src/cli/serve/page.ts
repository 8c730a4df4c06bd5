import type { TableSchema } from '../../data/table/schema';
import { html } from '../../report/html';
import { page } from '../../report/page';
import type { Wanted } from '../predict/text';

/** Its own script, its own server, and nothing else. */
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'";

/** What scripts/serve/client.js works on: a place to draw where the model takes grey images, else one for JSON. */
export function servePage(
  name: string,
  { inputShape, schema }: Wanted,
  classNames: readonly string[] = [],
): string {
  const [height, width, channels = 1] = inputShape;
  const draws = inputShape.length >= 2 && channels === 1 && inputShape.length <= 3;
  const input = draws
    ? html`<canvas id="canvas" width="280" height="280" aria-label="draw here"></canvas><p><button id="clear">Clear</button></p>`
    : html`<textarea id="row" rows="8" aria-label="a row as JSON">${schema ? exampleOf(schema) : ''}</textarea><p><button id="ask">Predict</button></p>`;
  const what = draws
    ? 'Draw with the mouse or a finger; as in MNIST, the drawing is centred and scaled to its box.'
    : schema
      ? 'One row as JSON.'
      : `One row of shape [${inputShape.join(', ')}] as JSON.`;
  const body = [
    html`<style>canvas { background: #000; border-radius: 8px; touch-action: none; cursor: crosshair; max-width: 100%; }
textarea { width: 100%; font: 13px monospace; } button { font: inherit; padding: 6px 16px; } .row { display: grid; grid-template-columns: minmax(40px, max-content) 1fr 60px; gap: 8px; align-items: center; margin: 4px 0; }
.row i { display: block; height: 16px; background: var(--s0); border-radius: 3px; min-width: 1px; } #answer { font-size: 44px; font-weight: 700; min-height: 1.3em; margin: 0; }</style>
<h1>${name}</h1><p class="muted">${what}</p>
<div class="grid"><div id="input" data-name="${name}" data-height="${height}" data-width="${width ?? 1}" data-rank="${inputShape.length}" data-classes="${JSON.stringify(classNames)}">${input}</div>
<div><p id="answer"></p><div id="bars"></div></div></div>
<p class="muted">POST /v1/models/${name}:predict {"instances": […]} → {"predictions": […]}</p>
<script src="/client.js"></script>
`,
  ];
  return page(`fusor: ${name}`, body, POLICY);
}

/** A row that could be: of each column its mean, or its first category. */
function exampleOf({ columns }: TableSchema): string {
  const cells = columns.map((column) => [
    column.name,
    column.kind === 'number' ? Number(column.mean.toPrecision(3)) : column.categories[0],
  ]);
  return JSON.stringify(Object.fromEntries(cells), null, 1);
}
