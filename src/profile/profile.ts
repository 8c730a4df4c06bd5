/** What a profile is made of: the document that --json prints, --baseline reads, and the page shows. Times are microseconds. */
import type { Phase } from '../backend/contract';
import type { Machine } from '../bench/machine';
import type { Ceilings } from '../bench/roofline';
import type { Figure } from '../bench/statistics';
import type { Work } from '../bench/work';
import { counted } from '../counted';

/** The session's phases, and what lies around them. */
export type OpPhase = Exclude<Phase, 'kernel'> | 'launch' | 'gap' | 'javascript';

export type Verdict = 'compute' | 'memory' | 'latency' | 'launch';

/** A library's operation within an op, a step. */
export interface KernelRow {
  name: string;
  calls: number;
  self: number;
}

/** A phase, of a layer where it is one's. Everything is a step's. */
export interface OpRow {
  /** 'forward dense', 'loss'. */
  name: string;
  phase: OpPhase;
  layer: string | null;
  calls: number;
  /** Without what lies within it (waiting, copies), and with it. */
  self: Figure;
  total: number;
  /** Share of its products that were computed: where zeros are left out, not all of them; {@link work} is of those. */
  density: number;
  /** Of what the self times of all ops add up to: the shares of all are 1. */
  share: number;
  /** Of every round: what ratios are made of. */
  rounds: number[];
  /** Counted by hand; null where there is nothing to compute or move. */
  work: Work | null;
  gflops: number | null;
  gbytes: number | null;
  /** FLOP a byte. */
  intensity: number | null;
  /** Of the nearer measured ceiling, and which that is; null without ceilings. */
  ofCeiling: number | null;
  bound: string | null;
  verdict: Verdict;
  advice: string;
  kernels: KernelRow[];
}

export interface VariantProfile {
  name: string;
  /** One line on what it runs on. */
  ranOn: string;
  device: string;
  threads: number;
  /** Of matrix products on a GPU. */
  precision?: string;
  /** Of a round's spans. */
  steps: number;
  rounds: number;
  /** A step as a training has it, nothing stamped, JavaScript and launch included; and of every round. */
  step: Figure;
  stepRounds: number[];
  /** The same, stamped, round by round beside it; and how much more that is, as a share. */
  stamped: Figure;
  stampingCost: number;
  /** What the ops add up to, as a share of the step that was not stamped. */
  coverage: number;
  /** What the smallest piece of work costs. */
  launch: number;
  ops: OpRow[];
  /** Resident memory of its process: at moments, then at the end of each epoch. */
  memory: { at: string; bytes: number }[];
}

/** One op on several variants. */
export interface ComparedOp {
  name: string;
  /** By variant; null where it has none. */
  self: (number | null)[];
  /** How many times the first variant's time, round by round; null where it cannot be said. */
  times: (Figure | null)[];
}

export interface ProfileDocument {
  schema: 'fusor.profile';
  version: 1;
  command: string;
  date: string;
  fusor: string;
  machine: Machine;
  job: {
    data: string;
    /** e.g. '784-128-10'. */
    net: string;
    batchSize: number;
    optimizer: string;
    seed: number;
    parameters: number;
    /** Share of the input's bytes that are not 0; null for float32. */
    density: number | null;
  };
  /** By number of threads, and of GPUs; empty without the native backend. */
  ceilings: Ceilings[];
  variants: VariantProfile[];
  comparison: ComparedOp[];
  /** What could not be profiled here, and why. */
  absent: { name: string; reason: string; cure: string }[];
}

/** The ceilings that a variant is held against: on a GPU the peak is that of its precision. Null where they are not known. */
export function ceilingsOf(
  { device, threads, precision = 'fp32' }: Pick<VariantProfile, 'device' | 'threads' | 'precision'>,
  all: readonly Ceilings[],
): Ceilings | null {
  if (device === 'cpu') return all.find((each) => !each.device && each.threads === threads) ?? null;
  const gpu = all.find((each) => each.device === device);
  return gpu ? { ...gpu, flops: { [precision]: gpu.flops[precision] } } : null;
}

/** '2 threads', 'cuda:0'. */
export const ceilingName = ({ device, threads }: Ceilings): string => device ?? counted(threads, 'thread');
