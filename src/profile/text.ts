/** Figures of a profile as text: one definition for the terminal and the page. */
import type { ComparedOp, Figure, OpRow, VariantProfile } from './profile';

export const micros = (value: number): string => value.toFixed(value < 10 ? 2 : value < 1000 ? 1 : 0);
export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
export const some = (value: number | null, text: (value: number) => string) =>
  value === null ? '–' : text(value);
const rate = (value: number) => (value >= 10 ? value.toFixed(0) : value.toFixed(2));

export const OP_HEAD = [
  'op',
  'calls',
  'self µs',
  '±',
  'total µs',
  'share',
  'MFLOP',
  'KB',
  'GFLOP/s',
  'GB/s',
  'FLOP/B',
  'of roof',
  'bound by',
];
export const OP_NUMBERS = OP_HEAD.map((_, i) => i).filter((i) => i > 0 && i < 12);

export function opCells(op: OpRow): string[] {
  const { work, verdict, bound } = op;
  const where = verdict === 'memory' && bound && bound !== 'latency' ? `memory (${bound})` : verdict;
  return [
    op.name,
    op.calls >= 0.995 ? op.calls.toFixed(0) : op.calls.toFixed(2),
    micros(op.self.median),
    percent(op.self.spread),
    micros(op.total),
    percent(op.share),
    some(work && work.flops / 1e6, (v) => v.toFixed(v < 1 ? 3 : 2)),
    some(work && (work.read + work.written) / 1e3, (v) => v.toFixed(v < 10 ? 1 : 0)),
    some(op.gflops, rate),
    some(op.gbytes, rate),
    some(op.intensity, rate),
    some(op.ofCeiling, percent),
    where,
  ];
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
    `step ${micros(step.median)} µs ± ${percent(step.spread)}, ${rounds} rounds of ${steps} steps`,
    `the ops add up to ${percent(coverage)} of it`,
    `stamped ${micros(stamped.median)} µs (${stampingCost < 0 ? '−' : '+'}${percent(Math.abs(stampingCost))})`,
  ].join(' · ');
}

const timesText = (times: Figure | null): string =>
  times === null ? '–' : `${times.median.toFixed(2)}× (${times.min.toFixed(2)}–${times.max.toFixed(2)})`;

/** Name, the first variant's time; of each other its time and how many times the first's. */
export function comparisonCells({ name, self, times }: ComparedOp): string[] {
  const [first, ...others] = self;
  return [
    name,
    some(first, micros),
    ...others.flatMap((time, i) => [some(time, micros), timesText(times[i + 1])]),
  ];
}
