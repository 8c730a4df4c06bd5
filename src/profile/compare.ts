/** Variants side by side, and a profile beside an earlier one. */
import { type Figure, figure, median, quantile } from '../bench/statistics';
import type { ComparedOp, OpRow, VariantProfile } from './profile';

/** The order of a step; what comes after the layers' own. */
const ORDER = [
  'gather',
  'copy',
  'forward',
  'loss',
  'backward',
  'update',
  'record',
  'wait',
  'gap',
  'launch',
  'javascript',
];

/**
 * Ops of all variants by name, the first variant's time the measure; sums for the way back and the step.
 * @param layers names in the plan's order
 */
export function comparisonOf(variants: readonly VariantProfile[], layers: readonly string[]): ComparedOp[] {
  const fused = variants.some(({ ops }) => ops.some(({ phase }) => phase === 'backward+update'));
  const nameIn = ({ name }: OpRow) => name.replace('backward+update', 'backward');
  const all = new Map(variants.flatMap(({ ops }) => ops.map((op) => [nameIn(op), op])));
  const phaseOf = (name: string) => all.get(name)!.phase.split('+')[0];
  // Through the layers and back.
  const place = (name: string) => {
    const layer = layers.indexOf(all.get(name)!.layer ?? '');
    return ORDER.indexOf(phaseOf(name)) + (phaseOf(name) === 'backward' ? -layer : layer) / 1e6;
  };
  const rows = [...all.keys()]
    .sort((a, b) => place(a) - place(b))
    .map((name): ComparedOp => {
      const mine = variants.map(({ ops }) => ops.find((op) => nameIn(op) === name));
      const unlike = fused && ['backward', 'update'].includes(phaseOf(name));
      return compared(
        name,
        mine.map((op) => op?.rounds ?? null),
        unlike,
      );
    });
  const back = variants.map(({ ops }) =>
    sumOf(ops.filter(({ phase }) => phase === 'update' || phase.startsWith('backward'))),
  );
  const at = rows.findIndex(({ name }) => name === 'record');
  if (fused) rows.splice(at < 0 ? rows.length : at, 0, compared('backward and update, all layers', back));
  // Of steps that were not stamped: what the ops add up to is said beside it.
  const steps = variants.map(({ stepRounds }) => stepRounds);
  return [...rows, compared('step', steps)];
}

function compared(name: string, rounds: readonly (readonly number[] | null)[], unlike = false): ComparedOp {
  const [first] = rounds;
  return {
    name,
    self: rounds.map((values) => values && median(values)),
    times: rounds.map((values) => (values && first && !unlike ? ratio(values, first) : null)),
  };
}

/** Round by round: what drifts on the machine drifts for both. Null where there is next to nothing to compare with. */
function ratio(values: readonly number[], first: readonly number[]): Figure | null {
  const rounds = Math.min(values.length, first.length);
  const ratios = Array.from({ length: rounds }, (_, i) => values[i] / first[i]).filter(Number.isFinite);
  return ratios.length > 0 && median(first) > 0.01 ? figure(ratios) : null;
}

function sumOf(ops: readonly OpRow[]): number[] | null {
  if (ops.length === 0) return null;
  return ops[0].rounds.map((_, i) => ops.reduce((sum, { rounds }) => sum + (rounds[i] ?? 0), 0));
}

/** One op now and before, where the difference is beyond the spread of both. */
export interface Change {
  variant: string;
  op: string;
  before: number;
  now: number;
  /** now / before. */
  times: number;
  /** The same, beside what most ops of the variant have changed by: what makes it slower or faster. */
  beside: number;
}

export interface Changes {
  /** How many times as long as before most ops of a variant take, where that is a change: a machine that is slower, or busy. */
  drifts: { variant: string; times: number }[];
  slower: Change[];
  faster: Change[];
}

/** Less than this is no change. */
const LEAST_TIMES = 1.15;
/** Nor is what matters nothing: this share of the step. */
const LEAST_SHARE = 0.02;

/** What got slower and what faster beside what all ops have in common, the greatest difference first. */
export function changesFrom(before: readonly VariantProfile[], now: readonly VariantProfile[]): Changes {
  const pairs = now.flatMap((variant) => {
    const old = before.find(({ name }) => name === variant.name);
    return old ? [{ variant, old, drift: driftOf(old, variant) }] : [];
  });
  const drifts = pairs
    .filter(({ drift }) => Math.max(drift, 1 / drift) >= LEAST_TIMES)
    .map(({ variant, drift }) => ({ variant: variant.name, times: drift }));
  const all = pairs.flatMap(({ old, variant, drift }) => changesOf(old, variant, drift));
  const byDifference = (a: Change, b: Change) => Math.abs(b.now - b.before) - Math.abs(a.now - a.before);
  const of = (test: (change: Change) => boolean) => all.filter(test).sort(byDifference);
  return { drifts, slower: of(({ beside }) => beside > 1), faster: of(({ beside }) => beside < 1) };
}

function pairsOf(old: VariantProfile, { ops }: VariantProfile): { op: OpRow; its: OpRow }[] {
  return ops.flatMap((op) => {
    const its = old.ops.find(({ name }) => name === op.name);
    return its && its.self.median > 0 && !AROUND.includes(op.phase) ? [{ op, its }] : [];
  });
}

/** A machine that is slower today is slower for most ops. */
function driftOf(old: VariantProfile, variant: VariantProfile): number {
  const ratios = pairsOf(old, variant).map(({ op, its }) => op.self.median / its.self.median);
  return ratios.length > 0 ? median(ratios) : 1;
}

function changesOf(old: VariantProfile, variant: VariantProfile, drift: number): Change[] {
  // Of the longer one: whatever makes a step much longer also leaves its neighbours colder caches.
  const least = LEAST_SHARE * Math.max(old.step.median, variant.step.median);
  return pairsOf(old, variant).flatMap(({ op, its }) => {
    const [now, was] = [op.self.median / drift, its.self.median];
    const apart =
      quantile(op.rounds, 0.25) / drift > quantile(its.rounds, 0.75) ||
      quantile(op.rounds, 0.75) / drift < quantile(its.rounds, 0.25);
    const beside = now / was;
    const matters = Math.max(beside, 1 / beside) >= LEAST_TIMES && Math.abs(now - was) >= least;
    if (!apart || !matters) return [];
    const change = { before: was, now: op.self.median, times: op.self.median / was, beside };
    return [{ variant: variant.name, op: op.name, ...change }];
  });
}

/** Not the kernels': they follow the machine. */
const AROUND: readonly string[] = ['wait', 'gap', 'launch', 'javascript'];
