/** The callback that writes checkpoints while a model trains. */
import { join, resolve } from 'node:path';
import { closed, count, oneOf, wrong } from '../arguments';
import { FusorError } from '../errors';
import { removeStaleTemps, writeAtomic } from '../files/atomic';
import { lockFolder } from '../files/lock';
import type { Callback, TrainedModel, TrainingContext } from '../train/callbacks';
import { epochsOf, type Logs } from '../train/history';
import { Monitor, type MonitorOptions } from '../train/monitor';
import { encodeCheckpoint } from './checkpoint-file';
import { checkpointName, findCheckpoint, listCheckpoints, pruneCheckpoints } from './checkpoint-folder';
import { type Schedule, scheduleOf } from './checkpoint-schedule';
import { makeFolder } from './fresh-folder';

export interface ModelCheckpointOptions extends Pick<MonitorOptions, 'monitor' | 'mode'> {
  /**
   * When: `every:5` (epochs), `every:500steps` (since training began), `every:30s` (also m and h; after the step at hand,
   * so spans stay as long as they are), `best` (epochs that are better than all before), `none`; several with commas.
   * Default `every:1`. But with `none` and with `best` alone, training's end is kept, too; an aborted fit is, whatever is chosen.
   */
  save?: string;
  /** How many to keep besides the best one; default 2: the last and the one before. */
  keep?: number;
  /** When one cannot be written: 'stop' (default) ends fit with ERR_IO, 'continue' says so and tries again when the next is due. */
  onSaveError?: 'stop' | 'continue';
}

export interface ModelCheckpoint extends Callback {
  /** '' before training begins. */
  readonly folder: string;
  /** The newest that is durable: written, flushed, named and its name flushed. */
  readonly saved: { readonly file: string; readonly step: number } | undefined;
  /** Why the last attempt failed. */
  readonly saveError: unknown;
}

/**
 * Writes checkpoints to `folder`, as Keras' ModelCheckpoint but for more than the weights: `fit(…, { resume: folder })`
 * goes on from the newest as though training had never ended. One process at a time may write to a folder, and one training
 * only: another's checkpoints are not replaced.
 * @param folder made when it is not there; or a function that names it when training begins
 * @throws ERR_ARG; fit then ERR_LOCKED, ERR_IO, and ERR_ARG where the folder has checkpoints that are not of the training that goes
 *   on, by `resume` or as the same model's next fit
 */
export function modelCheckpoint(
  folder: string | (() => string),
  options?: ModelCheckpointOptions,
): ModelCheckpoint {
  const where = 'modelCheckpoint';
  if (folder === '' || !['string', 'function'].includes(typeof folder))
    throw wrong(where, 'folder', folder, 'a path');
  const o = closed<ModelCheckpointOptions>(where, options, [
    'save',
    'monitor',
    'mode',
    'keep',
    'onSaveError',
  ]);
  return new Checkpointer(
    typeof folder === 'string' ? () => folder : folder,
    scheduleOf(where, 'save', o.save ?? 'every:1'),
    new Monitor(where, { monitor: o.monitor, mode: o.mode }),
    count(where, 'keep', o.keep, { fallback: 2 }),
    oneOf(where, 'onSaveError', o.onSaveError, ['stop', 'continue'], 'stop'),
  );
}

/** Of the newest checkpoints that models have in folders. */
const lastSteps = new WeakMap<TrainedModel, Map<string, number>>();

class Checkpointer implements ModelCheckpoint {
  /** What the other callbacks decided is part of a checkpoint. */
  readonly last = true;
  readonly everySteps: number | undefined;
  saved: { file: string; step: number } | undefined;
  saveError: unknown;
  folder = '';
  /** The step of the last attempt. */
  #tried: number | undefined;
  #best: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = false;
  #diverged = false;
  #release: (() => Promise<void>) | undefined;

  constructor(
    private readonly folderOf: () => string,
    private readonly schedule: Schedule,
    private readonly monitor: Monitor,
    private readonly keep: number,
    private readonly onSaveError: 'stop' | 'continue',
  ) {
    this.everySteps = schedule.steps;
  }

  async onTrainBegin(context: TrainingContext): Promise<void> {
    const { seconds, best } = this.schedule;
    if (best) this.monitor.begin(context);
    this.saved = undefined;
    this.saveError = undefined;
    this.#tried = undefined;
    this.#diverged = false;
    const folder = resolve(this.folderOf());
    // Another fit that goes on where this one has saved has its best to beat.
    if (folder !== this.folder) this.#best = undefined;
    this.folder = folder;
    await this.#open();
    await this.#refuseOthers(context);
    if (best) {
      for (const { logs } of epochsOf(context.history)) this.#isBest(logs);
    }
    if (seconds === undefined) return;
    this.#timer = setInterval(() => {
      this.#due = true;
      context.pause();
    }, seconds * 1000);
    this.#timer.unref();
  }

  onNonFinite(): void {
    this.#diverged = true;
  }

  async onSpanEnd(context: TrainingContext): Promise<void> {
    // With the epoch's last batch its end is at hand, and a better moment: it has been validated then.
    if (context.batch < context.batches && this.#isDue(context)) await this.#save(context, [false]);
  }

  async onEpochEnd(epoch: number, logs: Logs, context: TrainingContext): Promise<void> {
    const kinds: boolean[] = [];
    const { epochs, best } = this.schedule;
    if (this.#isDue(context) || (epochs && (epoch + 1) % epochs === 0)) kinds.push(false);
    if (best && this.#isBest(logs)) kinds.push(true);
    if (kinds.length > 0) await this.#save(context, kinds);
  }

  async onTrained(context: TrainingContext): Promise<void> {
    const { epochs, steps, seconds } = this.schedule;
    if ((epochs ?? steps ?? seconds) && this.#tried !== context.step) await this.#save(context, [false]);
  }

  async onTrainEnd(): Promise<void> {
    await this.#close();
  }

  /** An abort loses nothing; after any other error the last checkpoint is the place to go on from. */
  async onTrainError(error: unknown, context: TrainingContext): Promise<void> {
    try {
      const reached = this.saved?.step === context.step;
      const finite = (error as { code?: string } | null)?.code !== 'ERR_NONFINITE_LOSS';
      if (this.#release && context.aborted && finite && !reached) await this.#save(context, [false]);
    } finally {
      await this.#close();
    }
  }

  async #open(): Promise<void> {
    await makeFolder(this.folder);
    this.#release = await lockFolder(this.folder);
    await removeStaleTemps(this.folder);
  }

  /** At the first save they would go, as of a training that was given up. */
  async #refuseOthers(context: TrainingContext): Promise<void> {
    const [newest] = await listCheckpoints(this.folder);
    if (!newest) return;
    // A second fit of a model goes on from the first.
    if (newest.step <= context.step && newest.step === lastSteps.get(context.model)?.get(this.folder)) return;
    if (context.resumed && (await this.#isOf(context))) return;
    throw new FusorError(
      'ERR_ARG',
      [
        'the folder holds checkpoints of another training',
        this.folder,
        'go on with it (resume), name another folder, or remove them',
      ],
      { folder: this.folder, newest: newest.file },
    );
  }

  /** Whether what is there is of the training that is gone on with: what both have done is the same. */
  async #isOf({ seed, history }: TrainingContext): Promise<boolean> {
    const found = await findCheckpoint(this.folder);
    const [mine, its] = [history.stepLosses, found?.checkpoint.history.stepLosses ?? []];
    const both = Math.min(mine.length, its.length);
    return found?.checkpoint.seed === seed && mine.subarray(0, both).every((loss, i) => loss === its[i]);
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    this.#due = false;
    await this.#release?.();
    this.#release = undefined;
  }

  #isBest(logs: Logs): boolean {
    if (!this.monitor.improves(logs, this.#best)) return false;
    this.#best = this.monitor.valueIn(logs);
    return true;
  }

  #isDue({ step }: TrainingContext): boolean {
    const { steps } = this.schedule;
    return this.#due || (steps !== undefined && step % steps === 0 && this.#tried !== step);
  }

  /** undefined where training diverged, and another callback ends it in peace: the last one is the place to go on from. */
  async #encoded(context: TrainingContext) {
    try {
      return encodeCheckpoint(await context.checkpoint());
    } catch (error) {
      if (this.#diverged && (error as { code?: string }).code === 'ERR_NONFINITE_LOSS') return undefined;
      throw error;
    }
  }

  /** @param kinds whether it is a best one */
  async #save(context: TrainingContext, kinds: boolean[]): Promise<void> {
    const { step } = context;
    this.#tried = step;
    const parts = await this.#encoded(context);
    if (!parts) return;
    try {
      for (const best of kinds) {
        const file = join(this.folder, checkpointName(step, best));
        await writeAtomic(file, ...parts);
        this.saved = { file, step };
        lastSteps.set(context.model, (lastSteps.get(context.model) ?? new Map()).set(this.folder, step));
      }
      this.saveError = undefined;
      await pruneCheckpoints(this.folder, step, this.keep);
    } catch (error) {
      this.saveError = error;
      const { message } = error as Error;
      if (this.onSaveError === 'continue') {
        process.stderr.write(`warning: no checkpoint of step ${step}: ${message}; training goes on\n`);
        return;
      }
      const details = { step, last: this.saved?.file ?? null, ...(error as Partial<FusorError>).details };
      const last = this.saved ? `the last one is ${this.saved.file}` : '';
      throw new FusorError('ERR_IO', [message, `no checkpoint of step ${step}`, last], details, {
        cause: error,
      });
    } finally {
      this.#due = false;
    }
  }
}
