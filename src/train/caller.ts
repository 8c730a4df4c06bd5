import { count, wrong } from '../arguments';
import type { SpanReport, Timeline, TrainPlan } from '../backend/contract';
import { FusorError, nearestName } from '../errors';
import type { Callback, EpochProgress, TrainingContext } from './callbacks';
import { isLogName, LOG_NAME, type Logs } from './history';
import { Means } from './means';
import type { Cadences } from './spans';

interface Entry {
  callback: Callback;
  /** Batches between two calls; 0 where it wants none. */
  every: number;
  since: Means;
  /** As they are when training begins. */
  logNames: readonly string[];
}

/** Calls callbacks in their order, those that want to be last after the others; keeps for each the steps since its last batch call. */
export class Caller {
  readonly #callbacks: readonly Entry[];

  constructor(
    callbacks: readonly Callback[],
    private readonly plan: TrainPlan,
    private readonly context: TrainingContext,
  ) {
    const ordered = [...callbacks.filter(({ last }) => !last), ...callbacks.filter(({ last }) => last)];
    this.#callbacks = ordered.map((callback) => ({
      callback,
      every: callback.onBatchEnd ? (callback.everyBatches ?? 1) : 0,
      since: new Means(plan),
      logNames: [...(callback.logNames ?? [])],
    }));
  }

  get cadences(): Cadences {
    return {
      batches: this.#callbacks.flatMap(({ every }) => every || []),
      steps: this.#callbacks.flatMap(({ callback }) => callback.everySteps ?? []),
    };
  }

  /** The callback that says each step's rate, if any does. */
  get schedule(): Callback | undefined {
    return this.#callbacks.findLast(({ callback }) => callback.learningRateAt)?.callback;
  }

  /** Whether any callback sets the rate. */
  get setsLearningRate(): boolean {
    return this.#callbacks.some(({ callback }) => callback.setsLearningRate || callback.learningRateAt);
  }

  /** Names of the callbacks' own metrics. */
  get logNames(): string[] {
    return this.#callbacks.flatMap(({ logNames }) => logNames);
  }

  /** Their values. @throws ERR_ARG for one that is no number, or not there */
  async epochLogs(epoch: number): Promise<Logs> {
    const logs: Logs = {};
    for (const { callback, logNames } of this.#callbacks) {
      if (!callback.epochLogs) continue;
      const given = Object(await callback.epochLogs(epoch, this.context));
      for (const name of logNames) {
        if (typeof given[name] !== 'number')
          throw wrong('fit', `${name} of epochLogs`, given[name], 'a number');
        logs[name] = given[name];
      }
    }
    return logs;
  }

  async nonFinite(loss: number): Promise<void> {
    for (const { callback } of this.#callbacks) await callback.onNonFinite?.(loss, this.context);
  }

  async trainBegin(): Promise<void> {
    for (const { callback } of this.#callbacks) await callback.onTrainBegin?.(this.context);
  }

  async epochBegin(epoch: number): Promise<void> {
    for (const { callback } of this.#callbacks) await callback.onEpochBegin?.(epoch, this.context);
  }

  /** @param rows of the part */
  async spanEnd(report: SpanReport, rows: number): Promise<void> {
    const { batch, batches, batchSize } = this.context;
    for (const entry of this.#callbacks) {
      // A pause may come before the first step of a span.
      if (!entry.every || report.stepsDone === 0) continue;
      entry.since.add(report, rows, batchSize);
      if (batch % entry.every === 0 || batch === batches) await this.#batchEnd(entry);
    }
    for (const { callback } of this.#callbacks) await callback.onSpanEnd?.(this.context);
  }

  /** Of an epoch that was ended early: who waited for more batches hears of those that were done. */
  async batchesEnd(): Promise<void> {
    for (const entry of this.#callbacks) if (entry.since.losses.length > 0) await this.#batchEnd(entry);
  }

  async #batchEnd(entry: Entry): Promise<void> {
    const { since } = entry;
    entry.since = new Means(this.plan);
    await entry.callback.onBatchEnd?.(this.context.batch - 1, since.logs(), this.context, since.losses);
  }

  get wantsTimeline(): boolean {
    return this.#callbacks.some(({ callback }) => callback.timeline);
  }

  async timeline(timeline: Timeline): Promise<void> {
    for (const { callback } of this.#callbacks)
      if (callback.timeline) await callback.onTimeline?.(timeline, this.context);
  }

  /** All are told at once; rejects with what the first of them throws. */
  async progress(progress: EpochProgress): Promise<void> {
    await Promise.all(
      this.#callbacks.map(async ({ callback }) => callback.onProgress?.(progress, this.context)),
    );
  }

  /** @param heard called when all have heard but those that want to be last */
  async epochEnd(epoch: number, logs: Logs, heard: () => void): Promise<void> {
    const frozen = Object.freeze({ ...logs });
    const tell = async (last: boolean) => {
      for (const { callback } of this.#callbacks)
        if (Boolean(callback.last) === last) await callback.onEpochEnd?.(epoch, frozen, this.context);
    };
    await tell(false);
    heard();
    await tell(true);
  }

  async trainEnd(logs: Logs): Promise<void> {
    const frozen = Object.freeze({ ...logs });
    for (const { callback } of this.#callbacks) await callback.onTrained?.(this.context);
    for (const { callback } of this.#callbacks) await callback.onTrainEnd?.(frozen, this.context);
  }

  /** Every callback gets to close what it holds; the error that ended fit is the one to report. */
  async trainError(error: unknown): Promise<void> {
    for (const { callback } of this.#callbacks) {
      try {
        await callback.onTrainError?.(error, this.context);
      } catch {}
    }
  }
}

/** All that is ever called on a callback, but learningRateAt. */
const MOMENTS = [
  'onTrainBegin',
  'onEpochBegin',
  'onBatchEnd',
  'onSpanEnd',
  'onEpochEnd',
  'onNonFinite',
  'onTrained',
  'onTrainEnd',
  'onTrainError',
  'onTimeline',
  'onProgress',
] as const satisfies readonly (keyof Callback)[];

/**
 * @throws ERR_ARG for what is no callback, one whose everyBatches or everySteps is no integer ≥ 1, one with a method
 *   that looks like a moment's and is none: it would never be called, and for two that both say the learning rate
 */
export function checkedCallbacks(where: string, value: unknown = []): readonly Callback[] {
  if (!Array.isArray(value)) throw wrong(where, 'callbacks', value, 'an array of callbacks');
  value.forEach((callback: unknown, i) => {
    const name = `callbacks[${i}]`;
    if (typeof callback !== 'object' || callback === null) throw wrong(where, name, callback, 'an object');
    const { everyBatches, everySteps, logNames = [], epochLogs } = callback as Callback;
    count(where, `${name}.everyBatches`, everyBatches, { fallback: 1 });
    count(where, `${name}.everySteps`, everySteps, { fallback: 1 });
    if (!Array.isArray(logNames)) throw wrong(where, `${name}.logNames`, logNames, 'an array of names');
    for (const own of logNames) if (!isLogName(own)) throw wrong(where, `${name}.logNames`, own, LOG_NAME);
    if (logNames.length > 0 !== (epochLogs !== undefined))
      throw wrong(where, `${name}.logNames`, logNames, 'the names of what epochLogs gives');
    const methods = methodsOf(callback).filter((key) => key !== 'constructor');
    const called: readonly string[] = [...MOMENTS, 'learningRateAt', 'epochLogs'];
    const some = methods.some((key) => called.includes(key) || /^on[A-Z_]/.test(key));
    if (Array.isArray(callback) || (methods.length > 0 && !some))
      throw wrong(where, name, callback, `an object with one of ${MOMENTS.join(', ')}`);
    const never = methods.find(
      (key) => /^on[A-Z_]/.test(key) && !(MOMENTS as readonly string[]).includes(key),
    );
    if (never === undefined) return;
    // Keras' on_train_batch_begin has no counterpart, and nothing near it would do.
    const near = /BatchBegin$/i.test(camelCase(never)) ? undefined : nearestName(camelCase(never), MOMENTS);
    throw new FusorError(
      'ERR_ARG',
      [
        `${name}.${never} would never be called`,
        where,
        near ? `did you mean ${near}?` : `moments are ${MOMENTS.join(', ')}`,
      ],
      { argument: `${name}.${never}` },
    );
  });
  const schedule = value.findIndex(({ learningRateAt }: Callback) => learningRateAt);
  const setter = value.findIndex(({ setsLearningRate }: Callback) => setsLearningRate);
  if (schedule >= 0 && setter >= 0)
    throw new FusorError(
      'ERR_ARG',
      [
        `callbacks[${schedule}] says the learning rate of each step, callbacks[${setter}] would set another`,
        where,
        'leave one of them out',
      ],
      { argument: 'callbacks' },
    );
  return value;
}

const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Of an object and of its classes. */
function methodsOf(callback: object): string[] {
  const names: string[] = [];
  for (let at = callback; at && at !== Object.prototype; at = Object.getPrototypeOf(at))
    names.push(...Object.getOwnPropertyNames(at));
  return names.filter((name) => typeof (callback as Record<string, unknown>)[name] === 'function');
}
