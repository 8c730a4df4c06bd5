/**
 * The folder of a training run: config.json, environment.json, metrics.jsonl, history.csv, checkpoints/, model/, run.json.
 * Locked by the process that trains in it.
 */
import { existsSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FusorError } from '../errors';
import { AppendFile } from '../files/append-file';
import { removeStaleTemps, writeAtomic } from '../files/atomic';
import { LOCK_FILE, lockFolder } from '../files/lock';
import { ioError } from '../files/system-error';
import { CHECKPOINTS_FOLDER } from './checkpoint-folder';
import { csvValues, type EpochRecord, METRICS_FILE, readEpochs } from './epoch-records';
import { freshFolder, makeFolder } from './fresh-folder';

export const CONFIG_FILE = 'config.json';
export const ENVIRONMENT_FILE = 'environment.json';
export const RESULT_FILE = 'run.json';
export const MODEL_FOLDER = 'model';
/** What the columns of a table became: see TableSchema. */
export const DATA_FILE = 'data.json';
const HISTORY_FILE = 'history.csv';
const STEPS_FILE = 'steps.jsonl';

export class RunFolder {
  readonly modelFolder: string;
  readonly checkpointsFolder: string;
  #metrics?: AppendFile;
  #history?: AppendFile;
  #steps?: AppendFile;
  #columns: string[] = [];

  private constructor(
    readonly path: string,
    private readonly unlock: () => Promise<void>,
    private readonly wasThere = true,
  ) {
    this.modelFolder = join(path, MODEL_FOLDER);
    this.checkpointsFolder = join(path, CHECKPOINTS_FOLDER);
  }

  /**
   * Makes the folder `path`, or `runs/<name>-<time>` under the working directory.
   * @throws ERR_ARG when it holds something already, ERR_IO
   */
  static async create(path: string | undefined, name: string, now = new Date()): Promise<RunFolder> {
    if (path !== undefined) {
      const folder = resolve(path);
      const wasThere = existsSync(folder);
      await makeFolder(folder);
      const unlock = await lockFolder(folder);
      try {
        await checkEmpty(folder);
      } catch (error) {
        await unlock();
        throw error;
      }
      return new RunFolder(folder, unlock, wasThere);
    }
    const folder = await freshFolder(name, now);
    return new RunFolder(folder, await lockFolder(folder), false);
  }

  /**
   * The run folder `path`, to go on with.
   * @throws ERR_FILE_FORMAT where there is none, ERR_LOCKED, ERR_IO
   */
  static async open(path: string): Promise<RunFolder> {
    const folder = resolve(path);
    if (!existsSync(join(folder, CONFIG_FILE))) throw noRun(path);
    const run = new RunFolder(folder, await lockFolder(folder));
    for (const each of [folder, run.modelFolder]) await removeStaleTemps(each);
    return run;
  }

  /** Sets the records of epochs and steps back to these; what comes now is appended to them. */
  async rewind(epochs: readonly EpochRecord[], stepLosses: ArrayLike<number> | undefined): Promise<void> {
    const files: [name: string, lines: string[]][] = [
      [METRICS_FILE, epochs.map((record) => JSON.stringify(record))],
      [
        HISTORY_FILE,
        epochs.length > 0 ? [this.#head(epochs), ...epochs.map((record) => this.#row(record))] : [],
      ],
      [STEPS_FILE, stepLosses ? stepLines(0, stepLosses) : []],
    ];
    for (const [name, lines] of files) {
      const file = join(this.path, name);
      if (lines.length > 0) await writeAtomic(file, `${lines.join('\n')}\n`);
      else await remove(file);
    }
  }

  async write(
    name: typeof CONFIG_FILE | typeof DATA_FILE | typeof ENVIRONMENT_FILE | typeof RESULT_FILE,
    content: unknown,
  ): Promise<void> {
    await writeAtomic(join(this.path, name), `${JSON.stringify(content, null, 2)}\n`);
  }

  /** A whole line in metrics.jsonl and in history.csv, whose columns are those of Keras' CSVLogger. */
  appendEpoch(record: EpochRecord): void {
    this.#metrics ??= new AppendFile(join(this.path, METRICS_FILE));
    this.#metrics.append(`${JSON.stringify(record)}\n`);
    const path = join(this.path, HISTORY_FILE);
    if (Object.keys(csvValues(record)).every((name) => this.#columns.includes(name))) {
      this.#history ??= new AppendFile(path);
      this.#history.append(`${this.#row(record)}\n`);
      return;
    }
    // A column that was not there before: the file is made anew.
    this.#history?.close();
    this.#history = new AppendFile(path, 'w');
    const records = readEpochs(this.path);
    this.#history.append(`${this.#head(records)}\n${records.map((each) => `${this.#row(each)}\n`).join('')}`);
  }

  #head(records: readonly EpochRecord[]): string {
    this.#columns = [...new Set(records.flatMap((record) => Object.keys(csvValues(record))))].sort();
    return ['epoch', ...this.#columns].join(',');
  }

  #row(record: EpochRecord): string {
    const values = csvValues(record);
    return [record.epoch, ...this.#columns.map((column) => values[column] ?? 'NA')].join(',');
  }

  /** One line a step in steps.jsonl; steps count from 0. */
  appendSteps(first: number, losses: ArrayLike<number>): void {
    this.#steps ??= new AppendFile(join(this.path, STEPS_FILE));
    const lines = stepLines(first, losses);
    if (lines.length > 0) this.#steps.append(`${lines.join('\n')}\n`);
  }

  close(): void {
    for (const file of [this.#metrics, this.#history, this.#steps]) file?.close();
  }

  /** Takes away what it holds, of a run that never began, and the folder, unless it was there before. */
  async discard(): Promise<void> {
    this.close();
    for (const name of await readdir(this.path).catch(() => []))
      if (name !== LOCK_FILE)
        await rm(join(this.path, name), { recursive: true, force: true }).catch(() => {});
    await this.release();
    if (!this.wasThere) await rmdir(this.path).catch(() => {});
  }

  /** Gives the folder free for others. Idempotent. */
  release(): Promise<void> {
    return this.unlock();
  }
}

/** The run folder that a path lies in: itself, its folder of checkpoints, or one of them. @throws ERR_FILE_FORMAT */
export function runFolderOf(path: string): string {
  let folder = resolve(path);
  if (folder.endsWith('.safetensors')) folder = dirname(folder);
  if (basename(folder) === CHECKPOINTS_FOLDER) folder = dirname(folder);
  if (existsSync(join(folder, CONFIG_FILE))) return folder;
  throw noRun(path);
}

function noRun(path: string): FusorError {
  return new FusorError(
    'ERR_FILE_FORMAT',
    ['no run folder', path, `name one that holds a ${CONFIG_FILE}, or start a new run`],
    { file: path, rule: 'missing' },
  );
}

/** But for temp files of the dead, which go, and our lock. @throws ERR_ARG, ERR_IO */
async function checkEmpty(folder: string): Promise<void> {
  await removeStaleTemps(folder);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    throw ioError(error, 'read the folder', folder);
  }
  if (names.every((name) => name === LOCK_FILE)) return;
  throw new FusorError(
    'ERR_ARG',
    [
      'the run folder is not empty',
      folder,
      'name another: runs are never mixed; to go on with this one: --resume',
    ],
    { folder },
  );
}

async function remove(file: string): Promise<void> {
  try {
    await rm(file, { force: true });
  } catch (error) {
    throw ioError(error, 'remove', file);
  }
}

function stepLines(first: number, losses: ArrayLike<number>): string[] {
  return Array.from(losses, (loss, i) => JSON.stringify({ step: first + i, loss }));
}
