/** A profile as a page of its own. */
import { machineLine } from '../bench/machine';
import { shareBars } from '../report/bars';
import { curves } from '../report/curves';
import { type Html, html, withOptions } from '../report/html';
import { page, section } from '../report/page';
import { percent } from '../report/percent';
import { roofline } from '../report/roofline';
import { type Lane, stackedBars, timeLanes } from '../report/stacked';
import { factTable, figureTable } from '../report/table';
import type { Change, Changes } from './compare';
import { ceilingName, ceilingsOf, type OpPhase, type ProfileDocument, type VariantProfile } from './profile';
import { phaseOf, type Stretch, stretchesOf } from './stretches';
import {
  AROUND_NOTE,
  comparisonCells,
  driftLine,
  micros,
  noChange,
  noiseNote,
  OP_HEAD,
  opCells,
  timesText,
  variantLine,
} from './text';
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
  gather: 0,
  copy: 0,
  forward: 1,
  loss: 2,
  backward: 3,
  'backward+update': 3,
  update: 4,
  record: 5,
  wait: 6,
  launch: 7,
  gap: 7,
  javascript: 7,
};

/** @param recorded a span of each variant @param since what an earlier profile is, and what changed since */
export function profilePage(
  document: ProfileDocument,
  recorded: readonly { name: string; recorded: Recorded }[],
  since?: { date: string; changes: Changes },
): string {
  const { variants, job } = document;
  const several = variants.length > 1;
  const noise = noiseNote(variants);
  const title = `Profile: ${job.data}, ${job.net}, batch ${job.batchSize}`;
  return page(title, [
    html`<h1>${title}</h1>
<p class="muted">${shortDate(document.date)} · ${withOptions(document.command)}</p>
<p class="lead">${headline(document)}</p>
${noise === null ? html`` : html`<p class="noise">${noise}</p>`}
`,
    ...(since ? [section(`Since ${shortDate(since.date)}`, [changed(since.changes)])] : []),
    section('A step', stepBars(variants)),
    ...(several ? [section('Op by op', [comparison(document)])] : []),
    section('How far from the roof', roof(document)),
    section(
      'One step, as it ran',
      recorded.map(({ name, recorded: span }) =>
        stepLanes(variants.find((variant) => variant.name === name)!, span),
      ),
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

const shortDate = (date: string) => `${date.slice(0, 16).replace('T', ' ')} UTC`;

/** From this share of a step on, waiting is said. */
const MUCH_WAITING = 0.1;

/** What one should know, in two sentences. */
function headline({ variants, comparison: rows }: ProfileDocument): string {
  const [first, ...others] = variants;
  const ratios = rows.at(-1)!.times;
  const times = others.flatMap(({ name }, i) => {
    const ratio = ratios[i + 1];
    if (!ratio) return [];
    const range = (from: number, to: number) => `${timesText(from)} to ${timesText(to)}`;
    return ratio.median >= 1
      ? `${timesText(ratio.median)} times as fast as ${name} (${range(ratio.min, ratio.max)})`
      : `${timesText(1 / ratio.median)} times as long as ${name} (${range(1 / ratio.max, 1 / ratio.min)})`;
  });
  const compared = times.length > 0 ? `: ${times.join(', ')}` : '';
  const byShare = first.ops.toSorted((a, b) => b.share - a.share);
  // What computes; but where nothing of it counts, whatever takes the time.
  const working = byShare.find(({ work }) => work);
  const dearest = working && working.share > 0.1 * byShare[0].share ? working : byShare[0];
  const roofed = dearest.ofCeiling === null ? '' : `, at ${percent(dearest.ofCeiling)} of its roof`;
  const waiting = first.ops.find(({ phase, share }) => phase === 'wait' && share >= MUCH_WAITING);
  return [
    `${first.name} takes ${micros(first.step.median)} µs a step${compared}.`,
    `The greatest part of ${dearest.work ? 'its work' : 'it'} is ${dearest.name}: ${percent(dearest.share)} of the step${roofed}.`,
    ...(waiting ? [`${percent(waiting.share)} of the step is waiting.`] : []),
  ].join(' ');
}

function changed({ drifts, slower, faster }: Changes): Html {
  const cells = (what: string) => (change: Change) => [
    `${what}: ${change.variant}, ${change.op}`,
    micros(change.before),
    micros(change.now),
    `${timesText(change.times)}×`,
    ...(drifts.length > 0 ? [`${timesText(change.beside)}×`] : []),
  ];
  const rows = [...slower.map(cells('slower')), ...faster.map(cells('faster'))];
  const common = drifts.map((drift) => html`<p>${driftLine(drift)}.</p>`);
  const own =
    rows.length === 0
      ? html`<p>${noChange(drifts)}.</p>`
      : figureTable(
          ['µs a step', 'before', 'now', 'times', ...(drifts.length > 0 ? ['beside the others'] : [])],
          rows,
        );
  return html`${common}${own}`;
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
  const times = stackedBars('Time a step', 'shorter is better', GROUPS, rows);
  if (rows.length === 1) return [times];
  const shares = rows.map(({ parts, ...row }, i) => {
    const of = variants[i].step.median;
    return { ...row, parts: parts.map((part) => ({ ...part, value: part.value / of })) };
  });
  return [times, stackedBars('What it is spent on', 'each step for itself', GROUPS, shares)];
}

function comparison({ variants, comparison: ops }: ProfileDocument): Html {
  const [first, ...others] = variants.map(({ name }) => name);
  const titles = ['µs a step', first, ...others.flatMap((name) => [name, `× ${first}`])];
  const within = variants.some(({ ops: all }) => all.some(({ phase }) => phase === 'backward+update'));
  return html`${figureTable(titles, ops.map(comparisonCells))}<p class="muted">${AROUND_NOTE}.${within ? ' Fused kernels update weights within the way back, so that is compared as a whole.' : ''}</p>`;
}

/** How many ops of a variant are held against their roofs. */
const MOST_ROOFED = 6;

function roof({ variants, ceilings }: ProfileDocument): Html[] {
  const best = ({ flops }: (typeof ceilings)[number]) => Math.max(...Object.values(flops));
  const [widest] = variants
    .flatMap((variant) => ceilingsOf(variant, ceilings) ?? [])
    .sort((a, b) => best(b) - best(a));
  const marks = variants.flatMap(({ ops }, series) =>
    ops.flatMap(({ name, gflops, intensity, share }) =>
      gflops && intensity ? [{ name, series, intensity, flops: gflops * 1e9, share }] : [],
    ),
  );
  const note = widest
    ? `one mark an op, the larger the more of the step; lines: ${ceilingName(widest)}, reading, measured here; products that are left out do not count`
    : 'one mark an op, the larger the more of the step; the ceilings of this machine are not known';
  const limits = widest && {
    peak: best(widest),
    levels: widest.bandwidths.map(({ level, read }) => ({ name: level, bandwidth: read })),
  };
  const names = variants.map(({ name }) => name);
  const shares = variants.map(({ name, ops }, series) => {
    const roofed = ops.filter(({ ofCeiling }) => ofCeiling !== null).sort((a, b) => b.share - a.share);
    const bars = roofed.slice(0, MOST_ROOFED).map((op) => ({
      name: `${op.name} (${percent(op.share)})`,
      share: op.ofCeiling!,
      text: [percent(op.ofCeiling!), ROOFS[op.bound!] ?? op.bound].filter(Boolean).join(' of '),
    }));
    return { title: name, series, bars };
  });
  const known = shares.filter(({ bars }) => bars.length > 0);
  const held = 'of the nearer ceiling; in brackets: of the step';
  return [
    html`<div class="grid small">${known.map(({ title, series, bars }) => shareBars(title, held, series, bars))}</div>`,
    roofline('Roofline', note, names, limits ?? null, marks),
  ];
}

/** What {@link VariantProfile} calls bounds otherwise than levels of memory; far from all there is nothing to name. */
const ROOFS: Record<string, string> = { compute: 'the FMA peak', latency: '' };

/** The step with its kernels that is nearest to the median. */
function stepLanes({ name, step: measured }: VariantProfile, { timeline }: Recorded): Html {
  const all = stretchesOf(timeline);
  const withKernels = new Set(all.filter(({ work }) => work.kernel !== null).map(({ step }) => step));
  const { leading } = timeline;
  const steps = stepsOf(all, leading).filter(({ step }) => withKernels.size === 0 || withKernels.has(step));
  const [{ step, begin, end }] = steps
    .sort((a, b) => a.end - a.begin - (b.end - b.begin))
    .slice(Math.floor((steps.length - 1) / 2));
  const at = (time: number) => Math.min(1, Math.max(0, (time - begin) / (end - begin)));
  const boxOf = (stretch: Stretch, title: string, series: number) => ({
    name: title,
    figure: `${micros(stretch.end - stretch.begin)} µs`,
    series,
    begin: at(stretch.begin),
    end: at(stretch.end),
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
  const length = `${micros(end - begin)} µs`;
  const note = `the median step of a span that was stamped, ${length}; the median of all steps took ${micros(measured.median)} µs · phases above, what lies within them below`;
  return timeLanes(name, note, length, lanes);
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
        html`<li><b>${name}</b> (${percent(share)}, ${verdict}-bound): ${withOptions(text)}</li>`,
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
        `${job.data} · ${job.net} · ${job.parameters.toLocaleString('en')} parameters · batch ${job.batchSize} · ${job.optimizer} · seed ${job.seed}`,
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
