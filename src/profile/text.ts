/** Figures of a profile as text: one definition for the terminal and the page. */
import type { Figure } from '../bench/statistics';
import { counted } from '../counted';
import { percent } from '../report/percent';
import type { Changes } from './compare';
import type { ComparedOp, OpRow, VariantProfile } from './profile';

export const micros = (value: number): string => value.toFixed(value < 10 ? 2 : value < 1000 ? 1 : 0);
const some = (value: number | null, text: (value: number) => string) => (value === null ? '–' : text(value));
const rate = (value: number) => (value >= 10 ? value.toFixed(0) : value.toFixed(2));
/** What there is none of has no rate. */
const positive = (value: number | null) => value || null;

/** Half of what the middle half of all rounds spans; one round says nothing of it. */
export function spreadText({ spread, min, max }: Figure): string {
  if (spread === 0 && min === max) return '–';
  return spread > 2 ? '> 100 %' : percent(spread / 2);
}

/** In a sentence. */
function spreadOf(figure: Figure): string {
  const text = spreadText(figure);
  return text === '–'
    ? 'who knows how much (one round)'
    : text.startsWith('>')
      ? `more than ${text.slice(2)}`
      : `± ${text}`;
}

/** Three digits. */
export function timesText(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  if (value >= 9.995) return value.toFixed(1);
  return value >= 0.995 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
}

export const OP_HEAD = [
  'op',
  'self µs',
  '±',
  'share',
  'of roof',
  'bound by',
  'calls',
  'total µs',
  'MFLOP',
  'KB',
  'GFLOP/s',
  'GB/s',
  'FLOP/B',
];
export const OP_NUMBERS = OP_HEAD.map((_, i) => i).filter((i) => i > 0 && OP_HEAD[i] !== 'bound by');

export function opCells(op: OpRow): string[] {
  const { work, verdict, bound } = op;
  const where = verdict === 'memory' && bound && bound !== 'latency' ? `memory (${bound})` : verdict;
  return [
    op.name,
    micros(op.self.median),
    spreadText(op.self),
    percent(op.share),
    some(op.ofCeiling, percent),
    where,
    callsText(op.calls),
    micros(op.total),
    some(positive(work && work.flops / 1e6), (v) => v.toFixed(v < 1 ? 3 : 2)),
    some(work && (work.read + work.written) / 1e3, (v) => v.toFixed(v < 10 ? 1 : 0)),
    some(positive(op.gflops), rate),
    some(op.gbytes, rate),
    some(positive(op.intensity), rate),
  ];
}

/** A step's; of what is done once in many steps as one in so many. */
function callsText(calls: number): string {
  if (calls >= 0.995) return calls.toFixed(0);
  return calls >= 0.1 ? calls.toFixed(2) : `1/${Math.round(1 / calls)}`;
}

export function variantLine({
  step,
  stamped,
  stampingCost,
  coverage,
  steps,
  rounds,
}: VariantProfile): string {
  return [
    `step ${micros(step.median)} µs ± ${spreadText(step)}, ${counted(rounds, 'round')} of ${steps} steps`,
    `the ops add up to ${percent(coverage)} of it`,
    `stamped ${micros(stamped.median)} µs (${stampingCost < 0 ? '−' : '+'}${percent(Math.abs(stampingCost))} round by round)`,
  ].join(' · ');
}

/** From here on a figure says more of the machine than of the variant: the middle half of its rounds, and what its ops do not add up to. */
const NOISY_SPREAD = 0.25;
const NOISY_COVERAGE = 0.1;

/** What to know before one believes the figures; null where they hold. */
export function noiseNote(variants: readonly VariantProfile[]): string | null {
  const noisy = variants.filter(
    // On a GPU stamping itself may take what the ops do not add up to.
    ({ step, coverage, device }) =>
      step.spread > NOISY_SPREAD || (device === 'cpu' && Math.abs(coverage - 1) > NOISY_COVERAGE),
  );
  if (noisy.length === 0) return null;
  const each = noisy.map(
    ({ name, step, coverage }) =>
      `${name}'s steps differ by ${spreadOf(step)}, its ops add up to ${percent(coverage)} of one`,
  );
  return `These figures are rough (${each.join('; ')}): measure again while nothing else runs, or longer (--rounds 31).`;
}

const rangeText = (times: Figure | null): string =>
  times === null ? '–' : `${timesText(times.median)}× (${timesText(times.min)}–${timesText(times.max)})`;

/** Name, the first variant's time; of each other its time and how many times the first's. */
export function comparisonCells({ name, self, times }: ComparedOp): string[] {
  const [first, ...others] = self;
  return [
    name,
    some(first, micros),
    ...others.flatMap((time, i) => [some(time, micros), rangeText(times[i + 1])]),
  ];
}

/** What the rows mean that are no layer's. */
export const AROUND_NOTE =
  'wait: for other threads · record: loss and metrics put away · gap: between phases · launch: from JavaScript to the first phase and back, once a span · javascript: the training loop, once a span';

/** What all ops of a variant have in common since an earlier profile. */
export function driftLine({ variant, times }: Changes['drifts'][number]): string {
  return `${variant}: most ops take ${times.toFixed(2)} times as long as before; the machine, or what they have in common`;
}

/** Where no op is named. */
export function noChange(drifts: Changes['drifts']): string {
  return drifts.length > 0
    ? 'no op changed by more than the others, its spread and 15 %'
    : 'no op changed by more than its spread and 15 %';
}
