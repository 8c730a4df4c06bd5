import { html } from '../../report/html';
import { page } from '../../report/page';

/** Scripts, events and styles of its own server, and nothing else. */
const POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:";

/** What scripts/dashboard/client.js draws on. */
export function dashboardPage(title: string, token: string): string {
  const figure = (
    id: string,
    name: string,
    note: string,
  ) => html`<figure><figcaption>${name}<small>${note}</small></figcaption>
<div id="${id}" class="live"></div></figure>
`;
  const body = [
    html`<style>.live { height: 240px; } .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin: 18px 0; }
.facts div { padding: 10px 12px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; } .facts b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.facts small { color: var(--muted); }</style>
<h1>${title}</h1>
<p class="muted" id="ran-on"></p>
<p class="lead" id="state">waiting for the training …</p>
<div class="facts" id="facts"></div>
<div class="grid">
${figure('loss', 'Loss', 'by epoch; dashed: validation')}
${figure('accuracy', 'Accuracy', 'by epoch; dashed: validation')}
${figure('step', 'Time a step', 'µs, over the last moments')}
${figure('memory', 'Memory', 'MiB of the process, resident')}
</div>
<script src="/echarts.js?token=${token}"></script>
<script src="/client.js?token=${token}"></script>
`,
  ];
  return page(title, body, POLICY);
}
