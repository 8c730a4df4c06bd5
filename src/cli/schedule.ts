/** The grammar of --schedule. */
import { wrong } from '../arguments';
import { type Schedule, schedules } from '../index';

type Numbers = readonly (number | undefined)[];
interface Span {
  /** The rate that the optimiser has when training begins. */
  rate: number;
  /** Of the whole training. */
  steps: number;
}

/** `name:number:number`: what each number is, how many there have to be, and the schedule. */
const KINDS: Record<string, { most: number; least: number; make(numbers: Numbers, span: Span): Schedule }> = {
  cosine: {
    most: 2,
    least: 0,
    make: ([warmupSteps = 0, alpha = 0], { rate, steps }) =>
      schedules.cosine({ rate, steps: Math.max(1, steps - warmupSteps), warmupSteps, alpha }),
  },
  exponential: {
    most: 2,
    least: 2,
    make: ([steps, decay], { rate }) => schedules.exponential({ rate, steps: steps!, decay: decay! }),
  },
  step: {
    most: 2,
    least: 1,
    make: ([every, factor], { rate }) => schedules.step({ rate, every: every!, factor }),
  },
  // Of step and rate in turns.
  piecewise: {
    most: Number.POSITIVE_INFINITY,
    least: 2,
    make: (numbers, { rate }) =>
      schedules.piecewise({
        boundaries: numbers.filter((_, i) => i % 2 === 0) as number[],
        values: [rate, ...(numbers.filter((_, i) => i % 2 === 1) as number[])],
      }),
  },
};

/** What was written for --schedule, checked. @throws ERR_ARG */
export function parseSchedule(written: unknown, where: string): string {
  const refuse = () =>
    wrong(
      where,
      'the value',
      written,
      'cosine[:WARMUP[:ALPHA]], exponential:STEPS:DECAY, step:EVERY[:FACTOR] or piecewise:STEP:RATE:STEP:RATE…',
    );
  if (typeof written !== 'string') throw refuse();
  const [name, ...words] = written.split(':');
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  if (!kind || words.length < kind.least || words.length > kind.most) throw refuse();
  if (words.some((word) => !/^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word))) throw refuse();
  kind.make(words.map(Number), { rate: 0.001, steps: 2 ** 31 });
  return written;
}

/** The schedule that `written`, checked before, means. */
export function scheduleOf(written: string, span: Span): Schedule {
  const [name, ...words] = written.split(':');
  return KINDS[name].make(words.map(Number), span);
}
