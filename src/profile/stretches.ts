/** A timeline, taken apart: what lies within what. */
import type { Timeline, Work } from '../backend/contract';

export interface Stretch {
  track: number;
  work: Work;
  step: number;
  /** Share of its products that were computed. */
  density: number;
  begin: number;
  end: number;
  /** The stretch that it lies within. */
  parent: Stretch | null;
  /** Time without the stretches directly within it. */
  self: number;
}

/** In the timeline's order: by track, then by begin. Stretches that were cut off (end 0) are left out. */
export function stretchesOf({ works, track, work, step, density, begin, end }: Timeline): Stretch[] {
  const all: Stretch[] = [];
  const open: Stretch[] = [];
  for (let i = 0; i < begin.length; i++) {
    if (!(end[i] >= begin[i])) continue;
    if (open.length > 0 && open[0].track !== track[i]) open.length = 0;
    while (open.length > 0 && open[open.length - 1].end <= begin[i]) open.pop();
    const parent = open[open.length - 1] ?? null;
    const duration = end[i] - begin[i];
    const stretch: Stretch = {
      track: track[i],
      work: works[work[i]],
      step: step[i],
      begin: begin[i],
      end: end[i],
      density: density?.[i] ?? 1,
      parent,
      self: duration,
    };
    if (parent) parent.self -= duration;
    open.push(stretch);
    all.push(stretch);
  }
  return all;
}

/** The phase that a kernel belongs to, a phase itself. */
export function phaseOf(stretch: Stretch): Stretch | null {
  let at: Stretch | null = stretch;
  while (at && at.work.phase === 'kernel') at = at.parent;
  return at;
}
