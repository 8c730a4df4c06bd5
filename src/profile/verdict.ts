/** What holds an op back, and what to do about it. */

import type { Work } from '../bench/work';
import { percent } from '../report/percent';
import type { KernelRow, OpPhase, Verdict } from './profile';

export interface Facts {
  phase: OpPhase;
  /** Microseconds a step, of which in kernels of a library. */
  self: number;
  kernels: readonly KernelRow[];
  /** Of the step. */
  share: number;
  work: Work | null;
  /** Of its products, the share that is computed: less than 1 where those with a zero are left out. */
  computed: number;
  /** Of the nearer ceiling, and which: 'compute' or a level of memory. Null without ceilings. */
  roof: { share: number; bound: string } | null;
  /** What the smallest piece of work costs here, in microseconds. */
  launch: number;
  isOnDevice: boolean;
  /** Whether there are fused kernels that could run instead. */
  mayFuse: boolean;
}

/** From this share of a ceiling on, the ceiling is what holds. */
const NEAR = 0.35;
/** Microseconds that an op would take at its ceiling, from which on it has work enough to be near it. */
const ENOUGH = 1000;
/** From this share of an op's time on, launching is. */
const LAUNCHING = 0.25;

export function verdictOf(facts: Facts): { verdict: Verdict; advice: string } {
  const verdict = boundOf(facts);
  return { verdict, advice: adviceOf(verdict, facts) };
}

function boundOf({ phase, self, kernels, work, roof, launch, computed }: Facts): Verdict {
  if (phase === 'wait' || phase === 'record' || phase === 'copy') return 'latency';
  if (!work) return 'launch';
  // Where zeros are left out, what holds is how weights come to the products, not how many there are.
  const holds = roof && (roof.bound !== 'compute' || computed === 1);
  if (holds && (roof.share >= NEAR || roof.share * self >= ENOUGH))
    return roof.bound === 'compute' ? 'compute' : 'memory';
  // What is not inside a kernel, and what each kernel costs before it computes.
  const launching = launchTime(self, kernels, launch);
  return kernels.length > 0 && launching >= LAUNCHING * self ? 'launch' : 'latency';
}

function launchTime(self: number, kernels: readonly KernelRow[], launch: number): number {
  const inside = kernels.reduce((sum, kernel) => sum + kernel.self, 0);
  const each = kernels.reduce((sum, kernel) => sum + Math.min(kernel.self, kernel.calls * launch), 0);
  return Math.max(0, self - inside) + each;
}

function adviceOf(verdict: Verdict, facts: Facts): string {
  const { phase, share, kernels, computed, roof, launch, isOnDevice, mayFuse } = facts;
  const at = roof
    ? `${percent(roof.share)} of the ${roof.bound !== 'compute' ? roof.bound : isOnDevice ? 'matrix' : 'FMA'} roof`
    : '';
  const small = share < 0.03 ? 'too small a part of the step to matter' : '';
  if (phase === 'wait' && isOnDevice)
    return small || 'blocks exchange what each has computed: a larger --batch-size makes it worth more';
  if (phase === 'wait')
    return small || 'threads wait for each other: a larger --batch-size, or --threads 1 for a small model';
  if (phase === 'javascript')
    return small || 'spans are short here: training without callbacks a batch crosses once an epoch';
  if (phase === 'launch')
    return small || 'once a span: a longer one (--steps), as training has it, spreads it over more steps';
  if (phase === 'gap') return small || 'the event loop, and what is between phases: a larger --batch-size';
  if (phase === 'record' || phase === 'copy') return small || 'fewer metrics, or a larger --batch-size';
  if ((verdict === 'compute' || verdict === 'memory') && roof!.share < NEAR)
    return (
      small ||
      `${at}, with work enough: is the machine busy?${mayFuse ? ' If not, other --kernels may be nearer' : ''}`
    );
  if (verdict === 'compute') return `${at}: only fewer operations would be faster`;
  if (verdict === 'memory')
    return phase === 'update' || phase === 'backward+update'
      ? `${at}: weights and optimiser state pass once a step; a larger --batch-size makes fewer steps`
      : `${at}: a larger --batch-size uses each weight that is read more often`;
  if (verdict === 'launch') {
    const calls = kernels.reduce((sum, kernel) => sum + kernel.calls, 0);
    const what = `${Math.round(calls)} operations of at least ${launch.toFixed(1)} µs each`;
    return `${what}: ${mayFuse ? '--kernels fused does them in one, ' : ''}a larger --batch-size makes each worth more`;
  }
  if (small) return small;
  const why =
    computed < 1
      ? 'each product with what is not zero loads its own weights; a larger --batch-size changes little'
      : 'too little work at a time; a larger --batch-size';
  return at ? `${at}: ${why}` : why;
}
