/** One round of a variant: a span's timeline as times of ops, a step. */
import type { Timeline } from '../backend/contract';
import type { KernelRow, OpPhase } from './profile';
import { phaseOf, stretchesOf } from './stretches';

/** Microseconds a step. */
export interface OpTime {
  phase: OpPhase;
  layer: string | null;
  calls: number;
  /** On the session's own thread, without and with what lies within it. */
  self: number;
  total: number;
  /** As self, of the thread that was busiest with it. */
  busiest: number;
  kernels: KernelRow[];
}

export interface Round {
  steps: number;
  /** Of the span that was stamped, without what stamping itself took to tell; and of the one before it, not stamped. */
  stamped: number;
  plain: number;
  ops: OpTime[];
  launch: number;
}

/** What the loop around a span did, on the clock of the timeline. */
export interface Around {
  /** When the loop went on to this span, and when it was through with it. */
  resumed: number;
  ended: number;
}

/** @returns ops in the order in which they first come; around the steps: 'launch', 'gap' and 'javascript' */
export function opTimes(timeline: Timeline, { resumed, ended }: Around, steps: number): OpTime[] {
  const ops = new Map<string, OpTime & { byTrack: Map<number, number> }>();
  const opOf = (phase: OpPhase, layer: string | null) => {
    const key = `${phase} ${layer}`;
    let op = ops.get(key);
    if (!op) {
      op = { phase, layer, calls: 0, self: 0, total: 0, busiest: 0, kernels: [], byTrack: new Map() };
      ops.set(key, op);
    }
    return op;
  };
  let [first, last, gap] = [Number.NaN, Number.NaN, 0];
  // Kernels are stamped in some of the steps only.
  const kernelSteps = new Set<number>();
  for (const stretch of stretchesOf(timeline)) {
    const { track, work, begin, end, self } = stretch;
    const phase = phaseOf(stretch);
    // A kernel that runs for no phase: between two of them.
    if (!phase) continue;
    const op = opOf(phase.work.phase as OpPhase, phase.work.layer);
    op.byTrack.set(track, (op.byTrack.get(track) ?? 0) + self);
    if (track !== 0) continue;
    op.self += self;
    if (work.phase === 'kernel') {
      kernelSteps.add(stretch.step);
      addKernel(op.kernels, work.kernel!, self);
    } else {
      op.calls += 1;
      op.total += end - begin;
    }
    if (stretch.parent) continue;
    if (Number.isNaN(first)) first = begin;
    else gap += begin - last;
    last = end;
  }
  const around: [OpPhase, number, number][] = [
    ['gap', gap, steps],
    ['launch', first - timeline.called + (timeline.returned - last), 1],
    ['javascript', timeline.called - resumed + (ended - timeline.aside - timeline.returned), 1],
  ];
  for (const [phase, time, calls] of around) {
    const self = Math.max(0, time);
    Object.assign(opOf(phase, null), { calls, self, total: self });
  }
  return [...ops.values()].map(({ byTrack, phase, layer, calls, self, total, kernels }) => ({
    phase,
    layer,
    calls: calls / steps,
    self: self / steps,
    total: total / steps,
    busiest: Math.max(self, ...byTrack.values()) / steps,
    kernels: kernels
      .map((kernel) => ({
        name: kernel.name,
        calls: kernel.calls / kernelSteps.size,
        self: kernel.self / kernelSteps.size,
      }))
      .sort((a, b) => b.self - a.self),
  }));
}

function addKernel(kernels: KernelRow[], name: string, self: number): void {
  const row = kernels.find((kernel) => kernel.name === name);
  if (row) {
    row.self += self;
    row.calls += 1;
  } else kernels.push({ name, calls: 1, self });
}

/** Wall time of the span, without what the timeline itself took to make. */
export function wallOf(timeline: Timeline, { resumed, ended }: Around): number {
  return ended - timeline.aside - resumed;
}
