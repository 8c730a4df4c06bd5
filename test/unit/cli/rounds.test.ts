/** Rounds of a profile, driven as fit drives them, by a clock of their own. */
import { Rounds } from '../../../src/cli/profile/rounds';
import type { Timeline, TrainingContext } from '../../../src/index';
import type { Round } from '../../../src/profile/round';

const BATCHES = 1500;
const timeline = {
  tracks: ['session'],
  leading: 0,
  works: [],
  track: new Uint16Array(),
  work: new Uint16Array(),
  step: new Int32Array(),
  begin: new Float64Array(),
  end: new Float64Array(),
  called: 0,
  returned: 0,
  aside: 0,
  launch: 0,
  lost: 0,
} as Timeline;

// Such that 50 ms are next to nothing, a part of an epoch, nearly an epoch, and far more.
test.each([0.9, 24, 33.5, 36, 60, 300, 2000])('%p µs a step: no round waits for long', async (micros) => {
  const clock = { now: 0 };
  const spy = jest.spyOn(performance, 'now').mockImplementation(() => clock.now);
  const done: Round[] = [];
  const wanted = 4;
  const rounds = new Rounds({
    steps: 50,
    warmup: 10,
    epochs: 0,
    next: async () => done.length < wanted,
    done: (round) => void done.push(round),
  });
  let [step, steps] = [0, 0];
  const context = () => ({ step, epoch: Math.floor(step / BATCHES), batches: BATCHES }) as TrainingContext;
  rounds.onTrainBegin(context());
  while (!rounds.signal.aborted) {
    const every = rounds.everySteps!;
    const next = (length: number) => (Math.floor(step / length) + 1) * length;
    const end = Math.min(next(every), next(BATCHES));
    if (step % BATCHES === 0) rounds.onEpochBegin();
    clock.now += ((end - step) * micros) / 1000;
    steps += end - step;
    step = end;
    rounds.onTimeline(timeline);
    await rounds.onSpanEnd(context());
  }
  spy.mockRestore();
  expect(done).toHaveLength(wanted);
  // A round is some 150 ms, or three spans of an epoch at most; to warm up takes 200 ms.
  const most = (200 + wanted * 4 * Math.max(50, (BATCHES * micros) / 1000)) * 1.5;
  expect((steps * micros) / 1000).toBeLessThan(most);
});
