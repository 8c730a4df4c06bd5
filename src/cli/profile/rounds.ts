/** Inside fit: spans of equal length, one as training has them and one stamped, as often as is asked for. */
import { FusorError } from '../../errors';
import type { Callback, Timeline, TrainingContext } from '../../index';
import { type Around, opTimes, type Round, wallOf } from '../../profile/round';
import type { Recorded } from '../../profile/trace';

export interface RoundsOptions {
  steps: number;
  warmup: number;
  /** Whole epochs when the rounds are over. */
  epochs: number;
  /** Another round, or no more. */
  next(): Promise<boolean>;
  done(round: Round): void;
}

/** At least so long, in milliseconds: a processor, and a team of threads, take some time to run at their pace. */
const LEAST = { warmup: 200, settling: 50, span: 50 };

const now = (): number => performance.now() * 1000;

export class Rounds implements Callback {
  /** After other callbacks, should there be some: what they take is the loop's. */
  readonly last = true;
  everySteps?: number;
  /** While warming up, too. */
  timeline = true;
  readonly memory: { at: string; bytes: number }[] = [];
  recorded?: Recorded;
  readonly #controller = new AbortController();
  readonly #began = performance.now();
  /** Settling: its data have left the caches while others were measured. */
  #state: 'warmup' | 'settling' | 'plain' | 'stamped' | 'rest' = 'warmup';
  #resumed = 0;
  #from = 0;
  #plain = 0;
  #settled = 0;
  #rounds = 0;
  #turns: ('plain' | 'stamped')[] = [];
  #batches = 1;
  #epochs = 0;
  #heard?: Timeline;

  constructor(private readonly options: RoundsOptions) {
    this.everySteps = options.steps;
  }

  /** Aborted when all is done. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  remember(at: string): void {
    this.memory.push({ at, bytes: process.memoryUsage.rss() });
  }

  onTrainBegin({ batches }: TrainingContext): void {
    this.#batches = batches;
    this.everySteps = Math.min(this.options.steps, batches);
    this.remember('data there');
  }

  onEpochBegin(): void {
    this.#resumed = now();
  }

  onTimeline(timeline: Timeline): void {
    this.#heard = timeline;
  }

  async onSpanEnd(context: TrainingContext): Promise<void> {
    const ended = now();
    const steps = context.step - this.#from;
    this.#from = context.step;
    // Cut short by the end of an epoch: not to be compared.
    if (this.#state !== 'rest' && (steps === this.everySteps || this.#state === 'warmup'))
      await this.#ended({ resumed: this.#resumed, ended }, steps, context);
    this.#resumed = now();
  }

  onEpochEnd(): void {
    if (this.#state !== 'rest') return;
    this.remember(`epoch ${++this.#epochs}`);
    if (this.#epochs >= this.options.epochs) this.#controller.abort();
  }

  async #ended(around: Around, steps: number, { step, epoch }: TrainingContext): Promise<void> {
    const timeline = this.#heard;
    if (!timeline)
      throw new FusorError('ERR_UNSUPPORTED', [
        'it does not tell what it does in a step',
        '',
        'profile another variant',
      ]);
    switch (this.#state) {
      case 'warmup':
        if (step < this.options.warmup || performance.now() - this.#began < LEAST.warmup) return;
        this.everySteps = this.#enough((around.ended - around.resumed) / 1000 / steps);
        this.remember('warmed up');
        return this.#next();
      case 'settling':
        this.#settled += around.ended - around.resumed;
        return this.#settled >= LEAST.settling * 1000 ? this.#turn() : undefined;
      case 'plain':
        this.#plain = around.ended - around.resumed;
        return this.#turn();
      case 'stamped':
        this.recorded = { timeline, around, epoch, firstStep: step - steps };
        return this.#turn();
    }
  }

  /** To the next of the round's two spans; after both the round is done. */
  #turn(): undefined | Promise<void> {
    const turn = this.#turns.shift();
    if (!turn) {
      const { timeline, around } = this.recorded!;
      const steps = this.everySteps!;
      const stamped = wallOf(timeline, around);
      const ops = opTimes(timeline, around, steps);
      this.options.done({ steps, plain: this.#plain, stamped, ops, launch: timeline.launch });
      return this.#next();
    }
    this.#state = turn;
    this.timeline = turn === 'stamped';
    return undefined;
  }

  /**
   * Steps of a span: what was asked for, or more where that is too short to measure. From half an epoch on an epoch: the ends of epochs
   * would cut nearly all spans that are a little shorter.
   */
  #enough(milliseconds: number): number {
    const steps = Math.max(this.options.steps, Math.ceil(LEAST.span / milliseconds));
    return steps > this.#batches / 2 ? this.#batches : steps;
  }

  async #next(): Promise<void> {
    this.timeline = false;
    this.#settled = 0;
    // In turns the one and the other first: who comes first finds colder caches.
    this.#turns = this.#rounds++ % 2 === 0 ? ['plain', 'stamped'] : ['stamped', 'plain'];
    if (await this.options.next()) {
      this.#state = 'settling';
      return;
    }
    this.#state = 'rest';
    this.everySteps = undefined;
    if (this.options.epochs === 0) this.#controller.abort();
  }
}
