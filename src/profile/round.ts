/** One round of a variant: a span's timeline as times of ops, a step. */
import type { Timeline } from '../backend/contract';
import type { KernelRow, OpPhase } from './profile';
import { phaseOf, type Stretch, stretchesOf } from './stretches';

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
  /** Mean share of its products that were computed: where zeros are left out, not all of them. */
  density: number;
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
      op = {
        phase,
        layer,
        calls: 0,
        self: 0,
        total: 0,
        busiest: 0,
        density: 0,
        kernels: [],
        byTrack: new Map(),
      };
      ops.set(key, op);
    }
    return op;
  };
  const { leading } = timeline;
  const stretches = stretchesOf(timeline);
  const { kernelSteps, phaseSteps, weight } = stampedSteps(stretches, leading, steps);
  let [first, last, gap] = [Number.NaN, { end: 0, step: 0, isCopy: false }, 0];
  for (const stretch of stretches) {
    const { track, work, step, begin, end, self } = stretch;
    const phase = phaseOf(stretch);
    // A kernel that runs for no phase: between two of them.
    if (!phase) continue;
    // The session tells a device what to do: no time of a step's.
    if (leading > 0 && track !== leading) continue;
    const op = opOf(phase.work.phase as OpPhase, phase.work.layer);
    const isCopy = phase.work.phase === 'copy';
    const isTold = isCopy || phaseSteps.has(step);
    const times = isCopy ? 1 : weight;
    if (isTold) op.byTrack.set(track, (op.byTrack.get(track) ?? 0) + times * self);
    if (track !== leading) continue;
    if (work.phase === 'kernel') addKernel(op.kernels, work.kernel!, self);
    else if (isTold) {
      op.calls += times;
      op.total += times * (end - begin);
      op.density += times * stretch.density;
    }
    if (isTold) op.self += times * self;
    if (stretch.parent) continue;
    if (Number.isNaN(first)) first = begin;
    // What lies between is a gap where nothing else did: between neighbours.
    else if (step - last.step <= 1 && (isTold || weight === 1))
      gap += (isCopy || last.isCopy ? 1 : weight) * (begin - last.end);
    last = { end, step, isCopy };
  }
  const around: [OpPhase, number, number][] = [
    ['gap', gap, steps],
    ['launch', first - timeline.called + (timeline.returned - last.end), 1],
    ['javascript', timeline.called - resumed + (ended - timeline.aside - timeline.returned), 1],
  ];
  for (const [phase, time, calls] of around) {
    const self = Math.max(0, time);
    Object.assign(opOf(phase, null), { calls, self, total: self, density: calls });
  }
  const told = [...ops.values()].filter(({ calls, kernels }) => calls > 0 || kernels.length > 0);
  return told.map(({ byTrack, phase, layer, calls, self, total, density, kernels }) => ({
    phase,
    layer,
    calls: calls / steps,
    self: self / steps,
    total: total / steps,
    busiest: Math.max(self, ...byTrack.values()) / steps,
    density: calls > 0 ? density / calls : 1,
    kernels: kernels
      .map((kernel) => ({
        name: kernel.name,
        calls: kernel.calls / kernelSteps.size,
        self: kernel.self / kernelSteps.size,
      }))
      .sort((a, b) => b.self - a.self),
  }));
}

/**
 * Kernels are stamped in some of the steps only, on a device phases too. There phases count in the steps whose kernels
 * were not stamped, if any: those are as fast as the others. Each stands for `weight` steps.
 */
function stampedSteps(stretches: readonly Stretch[], leading: number, steps: number) {
  const mine = stretches.filter(({ track }) => track === leading);
  const stepsOf = (test: (phase: string) => boolean) =>
    new Set(mine.filter(({ work }) => test(work.phase)).map(({ step }) => step));
  const kernelSteps = stepsOf((phase) => phase === 'kernel');
  const stamped = stepsOf((phase) => phase !== 'kernel' && phase !== 'copy');
  const quick = new Set([...stamped].filter((step) => !kernelSteps.has(step)));
  const phaseSteps = stamped.size < steps && quick.size > 0 ? quick : stamped;
  return { kernelSteps, phaseSteps, weight: phaseSteps.size > 0 ? steps / phaseSteps.size : 1 };
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

/** 'forward dense', 'loss'. */
export function nameOf({ phase, layer }: { phase: string; layer: string | null }): string {
  return layer === null ? phase : `${phase} ${layer}`;
}
