/** A profile as a page of its own. */
import { machineLine } from '../bench/machine';
import { curves } from '../report/curves';
import { type Html, html } from '../report/html';
import { page, section } from '../report/page';
import { roofline } from '../report/roofline';
import { type Lane, stackedBars, timeLanes } from '../report/stacked';
import { factTable, figureTable } from '../report/table';
import { ceilingName, ceilingsOf, type OpPhase, type ProfileDocument, type VariantProfile } from './profile';
import { phaseOf, type Stretch, stretchesOf } from './stretches';
import { comparisonCells, micros, OP_HEAD, opCells, percent, variantLine } from './text';
import { type Recorded, stepsOf } from './trace';

/** What has a colour of its own, in the order of the colours. */
const GROUPS = [
  'gather, copies',
  'forward',
  'loss',
  'backward',
  'optimiser',
  'record',
  'waiting',
  'launch, gaps, JavaScript',
];
const GROUP: Record<OpPhase, number> = {
  ...{
    gather: 0,
    copy: 0,
    forward: 1,
    loss: 2,
    backward: 3,
    'backward+update': 3,
    update: 4,
    record: 5,
    wait: 6,
  },
  ...{ launch: 7, gap: 7, javascript: 7 },
};

/** @param recorded a span of each variant */
export function profilePage(
  document: ProfileDocument,
  recorded: readonly { name: string; recorded: Recorded }[],
): string {
  const { variants, job } = document;
  const title = `Profile: ${job.data}, ${job.net}, batch ${job.batchSize}`;
  return page(title, [
    html`<h1>${title}</h1>
<p class="muted">${document.date.slice(0, 16).replace('T', ' ')} UTC · ${document.command}</p>
<p class="lead">${headline(variants)}</p>
`,
    section('A step', stepBars(variants)),
    section('Op by op', [comparison(document)]),
    section('How far from the roof', [roof(document)]),
    section(
      'One step, as it ran',
      recorded.map(({ name, recorded: span }) => stepLanes(name, span)),
    ),
    section('Memory', [memory(variants)]),
    ...variants.map((variant) =>
      section(variant.name, [
        html`<p class="muted">${variant.ranOn}<br>${variantLine(variant)}</p>`,
        figureTable(OP_HEAD, variant.ops.map(opCells)),
        advice(variant),
        kernels(variant),
      ]),
    ),
    section('Where this was measured', [environment(document)]),
  ]);
}

/** What one should know, in two sentences. */
function headline([first, ...others]: readonly VariantProfile[]): string {
  const times = others.map(
    ({ name, step }) => `${(step.median / first.step.median).toFixed(1)} times as fast as ${name}`,
  );
  const [dearest] = first.ops.toSorted((a, b) => b.share - a.share);
  const roofed = dearest.ofCeiling === null ? '' : `, at ${percent(dearest.ofCeiling)} of its roof`;
  const faster = times.length > 0 ? `, ${times.join(', ')}` : '';
  return `${first.name} takes ${micros(first.step.median)} µs a step${faster}. Most of that is ${dearest.name} (${percent(dearest.share)}${roofed}).`;
}

function stepBars(variants: readonly VariantProfile[]): Html[] {
  const rows = variants.map(({ name, step, ops }) => {
    const parts = ops.map((op) => ({
      name: op.name,
      series: GROUP[op.phase],
      value: op.share * step.median,
    }));
    return { name, text: `${micros(step.median)} µs`, parts: parts.sort((a, b) => a.series - b.series) };
  });
  const shares = rows.map(({ parts, ...row }) => {
    const sum = parts.reduce((total, { value }) => total + value, 0);
    return { ...row, parts: parts.map((part) => ({ ...part, value: part.value / sum })) };
  });
  return [
    stackedBars('Time a step', 'shorter is better', GROUPS, rows),
    html`<p></p>`,
    stackedBars('What it is spent on', 'each step for itself', GROUPS, shares),
  ];
}

function comparison({ variants, comparison: ops }: ProfileDocument): Html {
  const [first, ...others] = variants.map(({ name }) => name);
  const titles = ['µs a step', first, ...others.flatMap((name) => [name, `times ${first}`])];
  return figureTable(titles, ops.map(comparisonCells));
}

function roof({ variants, ceilings }: ProfileDocument): Html {
  const [widest] = variants.flatMap((variant) => ceilingsOf(variant, ceilings) ?? []);
  const marks = variants.flatMap(({ ops }, series) =>
    ops.flatMap(({ name, gflops, intensity }) =>
      gflops && intensity ? [{ name, series, intensity, flops: gflops * 1e9 }] : [],
    ),
  );
  const note = widest
    ? `one mark an op; lines: ${ceilingName(widest)}, measured here; higher and nearer to a line is better`
    : 'one mark an op; the ceilings of this machine are not known';
  const limits = widest && {
    peak: Math.max(...Object.values(widest.flops)),
    levels: widest.bandwidths.map(({ level, read }) => ({ name: level, bandwidth: read })),
  };
  const names = variants.map(({ name }) => name);
  return roofline('Roofline', note, names, limits ?? null, marks);
}

/** The step with its kernels that is nearest to the median. */
function stepLanes(name: string, { timeline }: Recorded): Html {
  const all = stretchesOf(timeline);
  const withKernels = new Set(all.filter(({ work }) => work.kernel !== null).map(({ step }) => step));
  const { leading } = timeline;
  const steps = stepsOf(all, leading).filter(({ step }) => withKernels.size === 0 || withKernels.has(step));
  const [{ step, begin, end }] = steps
    .sort((a, b) => a.end - a.begin - (b.end - b.begin))
    .slice(Math.floor((steps.length - 1) / 2));
  const at = (time: number) => Math.min(1, Math.max(0, (time - begin) / (end - begin)));
  const boxOf = (stretch: Stretch, title: string, series: number) => ({
    name: `${title} · ${micros(stretch.end - stretch.begin)} µs`,
    ...{ series, begin: at(stretch.begin), end: at(stretch.end) },
  });
  const lanes = timeline.tracks.map((track, i): Lane => {
    // A device does a step long after the session has asked for it.
    const isThen = (stretch: Stretch) =>
      leading === 0 ? stretch.step === step : stretch.begin < end && stretch.end > begin;
    const mine = all.filter((stretch) => stretch.track === i && isThen(stretch));
    const outer = mine.filter(({ parent }) => !parent);
    const inner = mine.filter(({ parent }) => parent && !parent.parent);
    const title = ({ work }: Stretch) => work.kernel ?? [work.phase, work.layer].filter(Boolean).join(' ');
    const series = (stretch: Stretch) => GROUP[phaseOf(stretch)?.work.phase as OpPhase] ?? 7;
    const boxes = (stretches: Stretch[]) => stretches.map((each) => boxOf(each, title(each), series(each)));
    return { name: track, boxes: boxes(outer), inner: boxes(inner) };
  });
  return html`${timeLanes(name, 'phases above, what lies within them below; point at one for its time', `${micros(end - begin)} µs`, lanes)}<p></p>`;
}

function memory(variants: readonly VariantProfile[]): Html {
  const [{ memory: moments }] = variants.toSorted((a, b) => b.memory.length - a.memory.length);
  const titles = moments.map(({ at }) => at);
  const mebibytes = (bytes: number) => bytes / 2 ** 20;
  return html`${curves({
    title: 'Memory of the process',
    note: `MiB, resident · ${titles.map((title, i) => `${i + 1} ${title}`).join(' · ')}`,
    legend: variants.map(({ name }) => name),
    curves: variants.map(({ memory: own }, series) => ({
      series,
      points: own.map(({ bytes }, i) => [i + 1, mebibytes(bytes)] as const),
    })),
    x: 'moment',
    wide: true,
  })}${figureTable(
    ['MiB', ...titles],
    variants.map(({ name, memory: own }) => [name, ...own.map(({ bytes }) => mebibytes(bytes).toFixed(0))]),
  )}`;
}

function advice({ ops }: VariantProfile): Html {
  const lines = ops
    .toSorted((a, b) => b.share - a.share)
    .slice(0, 4)
    .map(
      ({ name, share, verdict, advice: text }) =>
        html`<li><b>${name}</b> (${percent(share)}, ${verdict}-bound): ${text}</li>`,
    );
  return html`<ul>${lines}</ul>`;
}

function kernels({ ops }: VariantProfile): Html {
  const rows = ops.flatMap(({ name, kernels: all }) =>
    all.slice(0, 6).map(({ name: kernel, calls, self }) => [kernel, name, calls.toFixed(0), micros(self)]),
  );
  if (rows.length === 0) return html``;
  return html`<details><summary>The library's operations</summary>${figureTable(['operation', 'in', 'calls', 'self µs'], rows)}</details>`;
}

function environment(document: ProfileDocument): Html {
  const { machine, job, ceilings, variants, absent, fusor, command } = document;
  const giga = (value: number) => (value / 1e9).toFixed(0);
  return factTable(
    ['this profile'],
    [
      ['machine', machineLine(machine)],
      ['fusor', fusor],
      ['command', command],
      [
        'job',
        `${job.data} · ${job.net} · ${job.parameters} parameters · batch ${job.batchSize} · ${job.optimizer} · seed ${job.seed}`,
      ],
      ...ceilings.map(({ flops, bandwidths, ...where }) => [
        `ceilings, ${ceilingName({ flops, bandwidths, ...where })}`,
        `${Object.entries(flops)
          .map(([isa, rate]) => `${isa} ${giga(rate)}`)
          .join(
            ', ',
          )} GFLOP/s · ${bandwidths.map(({ level, read, update }) => `${level} ${giga(read)}/${giga(update)}`).join(', ')} GB/s read/updated`,
      ]),
      ...variants.map(({ name, ranOn }) => [name, ranOn]),
      ...absent.map(({ name, reason, cure }) => [
        `not here: ${name}`,
        [reason, cure].filter(Boolean).join(' · '),
      ]),
    ],
  );
}
