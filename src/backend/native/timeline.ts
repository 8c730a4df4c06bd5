/** Native stamps as the contract's timeline. */
import { wrong } from '../../arguments';
import type { Phase, Timeline, TrainPlan, Work } from '../contract';
import type { NativeDelay, NativeTimeline } from './binding';

/** In the order of native/engine/stamps.h. */
const PHASES: readonly Phase[] = [
  'gather',
  'forward',
  'loss',
  'backward',
  'backward+update',
  'update',
  'record',
  'copy',
  'wait',
  'kernel',
];

const NO_DELAY: NativeDelay = { phase: 0, layer: -1, microseconds: 0 };

/** Microseconds from the zero of `process.hrtime`, which is the native clock's, to that of `performance.now`. */
const ORIGIN = origin();

/** Between two looks at one clock, one at the other; of several tries the closest. */
function origin(): number {
  let [best, offset] = [Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < 20; i++) {
    const before = performance.now() * 1000;
    const there = Number(process.hrtime.bigint()) / 1000;
    const took = performance.now() * 1000 - before;
    if (took >= best) continue;
    [best, offset] = [took, there - before - took / 2];
  }
  return offset;
}

/**
 * What makes native code stamp: undefined where nobody asks. `FUSOR_PROFILE_DELAY=forward:dense_1:50`, for tests, makes
 * a layer's phase take so many microseconds longer, asked or not; `FUSOR_NVTX=1` has phases marked as ranges of NVTX.
 */
export function delayFor(plan: TrainPlan, asked: boolean | undefined): NativeDelay | undefined {
  const planted = process.env.FUSOR_PROFILE_DELAY;
  const ranges = process.env.FUSOR_NVTX === '1' && { ranges: plan.layers.map(({ name }) => name) };
  if (!planted) return asked ? { ...NO_DELAY, ...ranges } : undefined;
  const [phase, layer, microseconds] = planted.split(':');
  const delay = {
    phase: PHASES.indexOf(phase as Phase),
    layer: layer === '' ? -1 : plan.layers.findIndex(({ name }) => name === layer),
    microseconds: Number(microseconds),
  };
  if (delay.phase >= 0 && (layer === '' || delay.layer >= 0) && delay.microseconds > 0) return delay;
  throw wrong(
    'FUSOR_PROFILE_DELAY',
    'the value',
    planted,
    'PHASE:LAYER:MICROSECONDS, as in forward:dense:50',
  );
}

/** @param called when the span was, on JavaScript's clock */
export function timelineOf(native: NativeTimeline, { layers }: TrainPlan, called: number): Timeline {
  const { tracks, leading, kernels, track, phase, layer, kernel, step, density, begin, end } = native;
  const { launch, aside, lost } = native;
  const indices = new Map<number, number>();
  const works: Work[] = [];
  const work = new Uint16Array(phase.length);
  for (let i = 0; i < phase.length; i++) {
    const key = (phase[i] * 2 ** 16 + layer[i] + 1) * 2 ** 16 + kernel[i] + 1;
    let index = indices.get(key);
    if (index === undefined) {
      index = works.length;
      indices.set(key, index);
      works.push({
        phase: PHASES[phase[i]],
        layer: layers[layer[i]]?.name ?? null,
        kernel: kernels[kernel[i]] ?? null,
      });
    }
    work[i] = index;
    begin[i] -= ORIGIN;
    end[i] -= ORIGIN;
  }
  const returned = native.returned - ORIGIN - aside;
  const made = performance.now() * 1000 - returned;
  return {
    tracks,
    leading,
    works,
    track,
    work,
    step,
    density,
    begin,
    end,
    called,
    returned,
    aside: made,
    launch,
    lost,
  };
}
