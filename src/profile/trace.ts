/** Spans as a Chrome trace, which Perfetto opens: a process a variant, a track a thread; epochs, steps, layers, kernels. */
import type { Timeline } from '../backend/contract';
import { type Around, nameOf } from './round';
import { type Stretch, stretchesOf } from './stretches';

/** The last span of a variant that was stamped. */
export interface Recorded {
  timeline: Timeline;
  around: Around;
  epoch: number;
  /** Since training began. */
  firstStep: number;
}

/** See "Trace Event Format"; times are microseconds. */
interface TraceEvent {
  name: string;
  ph: 'X' | 'M';
  pid: number;
  tid: number;
  ts?: number;
  dur?: number;
  cat?: string;
  args?: Record<string, unknown>;
}

export function traceOf(variants: readonly { name: string; recorded: Recorded }[]): {
  traceEvents: TraceEvent[];
} {
  return { traceEvents: variants.flatMap(({ name, recorded }, i) => eventsOf(name, recorded, i + 1)) };
}

function eventsOf(name: string, { timeline, around, epoch, firstStep }: Recorded, pid: number): TraceEvent[] {
  const at = (time: number) => time - around.resumed;
  const named = (what: string, tid: number, text: string): TraceEvent => ({
    name: what,
    ph: 'M',
    pid,
    tid,
    args: { name: text },
  });
  const event = (
    tid: number,
    cat: string,
    title: string,
    begin: number,
    end: number,
    args = {},
  ): TraceEvent => ({
    name: title,
    cat,
    ph: 'X',
    pid,
    tid,
    ts: at(begin),
    dur: Math.max(0, end - begin),
    args,
  });
  const stretches = stretchesOf(timeline);
  // JavaScript's own thread may be the session's: then steps lie within the span.
  const shift = timeline.tracks[0] === 'JavaScript' ? 0 : 1;
  const { leading } = timeline;
  const steps = stepsOf(stretches, leading);
  const ended = around.ended - timeline.aside;
  return [
    named('process_name', 0, name),
    named('thread_name', 0, 'JavaScript'),
    ...timeline.tracks.slice(1 - shift).map((track, i) => named('thread_name', i + 1, track)),
    event(0, 'epoch', `epoch ${epoch + 1}`, around.resumed, ended),
    event(0, 'span', `span of ${steps.length} steps`, timeline.called, timeline.returned, { firstStep }),
    ...steps.map(({ step, begin, end }) =>
      event(leading + shift, 'step', `step ${firstStep + step + 1}`, begin, end, { epoch: epoch + 1 }),
    ),
    ...stretches.map(({ track, work, step, begin, end }) =>
      event(track + shift, work.phase, work.kernel ?? nameOf(work), begin, end, {
        step: firstStep + step + 1,
        ...(work.layer !== null && { layer: work.layer }),
      }),
    ),
  ];
}

/** From a step's first stretch on the leading track to its last. */
export function stepsOf(
  stretches: readonly Stretch[],
  leading: number,
): { step: number; begin: number; end: number }[] {
  const steps = new Map<number, { step: number; begin: number; end: number }>();
  for (const { track, step, begin, end } of stretches) {
    if (track !== leading) continue;
    const known = steps.get(step);
    if (known) known.end = Math.max(known.end, end);
    else steps.set(step, { step, begin, end });
  }
  return [...steps.values()];
}
