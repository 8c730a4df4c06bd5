import { Html, html } from '../../report/html';
import { page } from '../../report/page';

/** Scripts, events and styles of its own server, and nothing else. */
const POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:";

const STYLE = `h1, #ran-on, #state { overflow-wrap: anywhere; } .live { height: 240px; overflow: hidden; }
.facts { display: grid; grid-template-columns: repeat(6, minmax(0, 1fr)); gap: 12px; margin: 18px 0; }
.facts div { padding: 10px 12px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.facts b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; } .facts small { color: var(--muted); }
@media (max-width: 900px) { .facts { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
@media (max-width: 500px) { .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
#ran-on { min-height: 3em; } #state { min-height: 1.5em; } #state.failed { color: var(--s1); font-weight: 600; }`;

/** What scripts/dashboard/client.js fills, and draws on. All of it has its place before anything is known: nothing jumps. */
export function dashboardPage(token: string): string {
  const figure = (
    id: string,
    note: string,
  ) => html`<figure><figcaption><span id="${id}-name"></span><small id="${id}-note">${note}</small></figcaption>
<div id="${id}" class="live"></div></figure>
`;
  const fact = (id: string) => html`<div><b id="fact-${id}">–</b><small id="label-${id}">&nbsp;</small></div>
`;
  const body = [
    html`<style>${new Html(STYLE)}</style>
<h1 id="title">Training</h1>
<p class="muted" id="ran-on"></p>
<p class="lead" id="state" role="status">waiting for the training …</p>
<div class="facts">
${['loss', 'measure', 'validation', 'step', 'rows', 'memory'].map(fact)}</div>
<div class="grid">
${figure('loss', 'by epoch')}
${figure('measure', 'by epoch')}
${figure('step', 'µs of training')}
${figure('memory', 'MiB of the process, resident')}
</div>
<script src="/echarts.js?token=${token}"></script>
<script src="/client.js?token=${token}"></script>
`,
  ];
  return page('Training', body, POLICY);
}
