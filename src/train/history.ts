import { Losses } from './losses';

/** Values by name: 'loss', the metrics' names and both again as 'valLoss', 'valAccuracy', … */
export type Logs = Record<string, number>;

export interface Timing {
  /** The whole of fit: upload, training, validation and callbacks. */
  fitSeconds: number;
  /** Steps trained. */
  steps: number;
  /** Training time over steps; validation and upload excluded. */
  stepMicroseconds: number;
}

/** What a checkpoint keeps of a {@link History}. */
export interface HistoryRecord {
  epoch: number[];
  history: Record<string, number[]>;
  seconds: number[];
  memoryBytes: number[];
  stepLosses: Float32Array;
  fitSeconds: number;
  /** Training time of the steps. */
  milliseconds: number;
}

/** What a fit did, and, where it was resumed, what was done before it. One entry per finished epoch in each list. */
export class History {
  /** Numbers of the epochs, from initialEpoch. */
  readonly epoch: number[];
  /** 'loss', 'accuracy', 'valLoss', …, and 'learningRate' where a callback sets it: one value an epoch, NaN where there was none. */
  readonly history: Record<string, number[]> = {};
  /** Wall time of each epoch, validation included. */
  readonly seconds: number[];
  /** Memory of this process at the end of each epoch (resident set size): what leaks shows here. */
  readonly memoryBytes: number[];
  readonly timing: Timing = { fitSeconds: 0, steps: 0, stepMicroseconds: 0 };
  /** How it ended: all epochs done, a callback's stop, or an abort or error. */
  stopped: 'finished' | 'aborted' | 'callback' = 'finished';
  readonly #losses = new Losses();
  #milliseconds = 0;

  /**
   * @param seed the seed that this fit used, given or chosen
   * @param before what it goes on from
   */
  constructor(
    readonly seed: number,
    before?: HistoryRecord,
  ) {
    this.epoch = [...(before?.epoch ?? [])];
    this.seconds = [...(before?.seconds ?? [])];
    this.memoryBytes = [...(before?.memoryBytes ?? [])];
    if (!before) return;
    for (const [name, values] of Object.entries(before.history)) this.history[name] = [...values];
    this.timing.fitSeconds = before.fitSeconds;
    this.addSteps(before.stepLosses, before.milliseconds);
  }

  /** @internal @param last whether the last epoch's values count */
  record(last = true): HistoryRecord {
    const { stepLosses, timing } = this;
    const milliseconds = this.#milliseconds;
    const epochs = this.epoch.length - (last ? 0 : 1);
    const of = (values: readonly number[]) => values.slice(0, epochs);
    const history = Object.fromEntries(
      Object.entries(this.history).map(([name, values]) => [name, of(values)]),
    );
    const copy = {
      epoch: of(this.epoch),
      history,
      seconds: of(this.seconds),
      memoryBytes: of(this.memoryBytes),
    };
    return { ...copy, stepLosses, fitSeconds: timing.fitSeconds, milliseconds };
  }

  /** Values of the last epoch that was finished. */
  get last(): Logs {
    return Object.fromEntries(
      Object.entries(this.history).map(([name, values]) => [name, values[values.length - 1]]),
    );
  }

  /** Every step's loss (batch mean), in order, unfinished epochs included. Left out of JSON. */
  get stepLosses(): Float32Array {
    return this.#losses.all();
  }

  /** @internal @param milliseconds training time of these steps */
  addSteps(losses: Float32Array, milliseconds: number): void {
    this.#losses.add(losses);
    this.#milliseconds += milliseconds;
    this.timing.steps += losses.length;
    if (this.timing.steps > 0) this.timing.stepMicroseconds = (this.#milliseconds * 1000) / this.timing.steps;
  }

  /** @internal */
  addEpoch(epoch: number, logs: Logs, seconds: number): void {
    this.epoch.push(epoch);
    this.seconds.push(seconds);
    this.memoryBytes.push(process.memoryUsage.rss());
    // Names are the user's: 'constructor' is one, too. Those that come later, or no longer, were NaN, or are.
    const before = this.epoch.length - 1;
    for (const name of Object.keys(logs))
      if (!Object.hasOwn(this.history, name)) this.history[name] = Array<number>(before).fill(Number.NaN);
    for (const [name, values] of Object.entries(this.history))
      values.push(Object.hasOwn(logs, name) ? logs[name] : Number.NaN);
  }
}

/** The finished epochs, in their order. */
export function epochsOf({
  epoch,
  history,
}: Pick<History, 'epoch' | 'history'>): { epoch: number; logs: Logs }[] {
  return epoch.map((number, i) => ({
    epoch: number,
    logs: Object.fromEntries(Object.entries(history).map(([name, values]) => [name, values[i]])),
  }));
}

/** Whether a metric may be called so: keys of logs beside 'loss' and 'valLoss', columns, and names in file formats. */
export function isLogName(name: unknown): name is string {
  return typeof name === 'string' && /^[A-Za-z]\w{0,40}$/.test(name) && !TAKEN.test(name);
}
/** What files of records have beside the logs, as we or Keras write it. */
const TAKEN = /^(loss|losses|learningRate|learning_rate|epoch|seconds|memoryBytes|step|val[A-Z_].*)$/;
export const LOG_NAME =
  'a word of letters and digits other than loss, losses, learningRate, epoch, seconds, memoryBytes, step and val…';

/** 'accuracy' → 'valAccuracy'. */
export function validationName(name: string): string {
  return `val${name[0].toUpperCase()}${name.slice(1)}`;
}

/** 'valAccuracy' → 'val_accuracy', 'Top2' → 'top2'. */
export function kerasName(name: string): string {
  return name.replace(/[A-Z]/g, (letter, at) => `${at > 0 ? '_' : ''}${letter.toLowerCase()}`);
}
