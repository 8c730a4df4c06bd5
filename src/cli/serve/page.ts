import type { TableSchema } from '../../data/table/schema';
import { html } from '../../report/html';
import { page } from '../../report/page';
import { elements } from '../../shape';
import type { Reading } from '../predict/answers';
import type { Wanted } from '../predict/json';

/** Its own script, its own server, and nothing else. */
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'";

/** Numbers of a row that is still read and changed by hand. */
const FEW = 100;

/** How the page tells of an answer. */
interface Answers {
  reading: Reading;
  /** Of the classes or the values, in their order; without one its number is shown. */
  names: readonly string[];
}

/** What scripts/serve/client.js works on: a place to draw where the model takes grey images, else one for JSON. */
export function servePage(name: string, { inputShape, schema }: Wanted, { reading, names }: Answers): string {
  const [height, width, channels = 1] = inputShape;
  const draws = inputShape.length >= 2 && channels === 1 && inputShape.length <= 3;
  const numbers = elements(inputShape);
  const example = schema ? exampleOf(schema) : numbers <= FEW ? JSON.stringify(zeros(inputShape)) : '';
  const input = draws
    ? html`<canvas id="canvas" width="280" height="280" aria-label="draw here"></canvas><p><button id="clear">Clear</button></p>`
    : html`<textarea id="row" rows="8" placeholder="[…]" aria-label="a row as JSON">${example}</textarea><p><button id="ask">Predict</button></p>`;
  const what = draws
    ? 'Draw with the mouse or a finger; as in MNIST, the drawing is centred and scaled to its box.'
    : schema
      ? 'One row as JSON.'
      : `One row of shape [${inputShape.join(', ')}] as JSON${example ? '' : `: its ${numbers} numbers, nested or in one list`}.`;
  const body = [
    html`<style>h1, p, #answer { overflow-wrap: anywhere; } textarea { width: 100%; font: 13px monospace; } button { font: inherit; padding: 6px 16px; }
canvas { background: #000; outline: 1px solid var(--line); border-radius: 8px; touch-action: none; cursor: crosshair; max-width: 100%; }
#answer { min-height: 57px; font-size: 44px; font-weight: 700; line-height: 1.3; } #answer.failed { color: var(--s1); font-size: 17px; font-weight: 600; }
#answer.values { font-size: 20px; font-weight: 400; } #answer.values, #bars { display: grid; gap: 8px; align-items: center; }
#answer.values { grid-template-columns: fit-content(50%) 1fr; align-content: start; } #bars { grid-template-columns: fit-content(40%) 1fr max-content; }
.row { display: contents; } .row span:first-child { overflow-wrap: anywhere; } .row b { font-variant-numeric: tabular-nums; }
.row i { display: block; height: 16px; background: var(--s0); border-radius: 3px; min-width: 1px; }</style>
<h1>${name}</h1><p class="muted">${what}</p>
<div class="grid"><div id="input" data-name="${name}" data-height="${height}" data-width="${width ?? 1}" data-rank="${inputShape.length}" data-reading="${reading}" data-names="${JSON.stringify(names)}">${input}</div>
<div><div id="answer" role="status" aria-live="polite"></div><div id="bars"></div></div></div>
<p class="muted">POST /v1/models/${name}:predict {"instances": […]} → {"predictions": […]}</p>
<script src="/client.js"></script>
`,
  ];
  return page(`fusor: ${name}`, body, POLICY);
}

/** Nested lists of that shape. */
function zeros([size, ...inner]: readonly number[]): unknown {
  return size === undefined ? 0 : Array.from({ length: size }, () => zeros(inner));
}

/** A row that could be: of each column its mean, or its first category. */
function exampleOf({ columns }: TableSchema): string {
  const cells = columns.map((column) => [
    column.name,
    column.kind === 'number' ? Number(column.mean.toPrecision(3)) : column.categories[0],
  ]);
  return JSON.stringify(Object.fromEntries(cells), null, 1);
}
