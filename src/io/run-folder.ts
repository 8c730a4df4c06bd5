/** The folder of a training run: config.json, environment.json, metrics.jsonl, history.csv, model/, run.json. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FusorError } from '../errors';
import { removeStaleTemps, writeAtomic } from './atomic';
import { ioError, systemCode } from './system-error';

/** One finished epoch; counted from 0. What was not measured is null. */
export interface EpochRecord {
  epoch: number;
  loss: number;
  accuracy: number | null;
  valLoss: number | null;
  valAccuracy: number | null;
  seconds: number;
}

export class RunFolder {
  readonly modelFolder: string;
  #metrics?: LineFile;
  #history?: LineFile;
  #steps?: LineFile;
  #columns: string[] = [];

  private constructor(readonly path: string) {
    this.modelFolder = join(path, 'model');
  }

  /**
   * Makes the folder `path`, or `runs/<name>-<time>` under the working directory.
   * @throws ERR_ARG when it holds something already, ERR_IO
   */
  static async create(path: string | undefined, name: string, now = new Date()): Promise<RunFolder> {
    if (path !== undefined) {
      const folder = resolve(path);
      await makeFolder(folder, true);
      await removeStaleTemps(folder);
      if ((await readdir(folder)).length === 0) return new RunFolder(folder);
      throw new FusorError(
        'ERR_ARG',
        ['the run folder is not empty', folder, 'name another: runs are never mixed'],
        {
          folder,
        },
      );
    }
    const stamp = now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
    const base = resolve('runs', `${name.replace(/[^\w.-]+/g, '-')}-${stamp}`);
    await makeFolder(dirname(base), true);
    for (let n = 1; ; n++) {
      const folder = n === 1 ? base : `${base}-${n}`;
      if (await makeFolder(folder, false)) return new RunFolder(folder);
    }
  }

  async write(name: 'config.json' | 'environment.json' | 'run.json', content: unknown): Promise<void> {
    await writeAtomic(join(this.path, name), `${JSON.stringify(content, null, 2)}\n`);
  }

  /** A whole line in metrics.jsonl and in history.csv, whose columns are those of Keras' CSVLogger. */
  appendEpoch(record: EpochRecord): void {
    this.#metrics ??= new LineFile(join(this.path, 'metrics.jsonl'));
    this.#metrics.append(JSON.stringify(record));
    const { epoch, seconds: _, ...values } = record;
    const row: Record<string, number | null> = {};
    for (const [key, value] of Object.entries(values)) if (value !== null) row[snakeCase(key)] = value;
    if (!this.#history) {
      this.#columns = Object.keys(row).sort();
      this.#history = new LineFile(join(this.path, 'history.csv'));
      this.#history.append(['epoch', ...this.#columns].join(','));
    }
    this.#history.append([epoch, ...this.#columns.map((column) => row[column] ?? 'NA')].join(','));
  }

  /** One line a step in steps.jsonl; steps count from 0. */
  appendSteps(first: number, losses: ArrayLike<number>): void {
    this.#steps ??= new LineFile(join(this.path, 'steps.jsonl'));
    const lines = Array.from(losses, (loss, i) => JSON.stringify({ step: first + i, loss }));
    if (lines.length > 0) this.#steps.append(lines.join('\n'));
  }

  close(): void {
    for (const file of [this.#metrics, this.#history, this.#steps]) file?.close();
  }
}

/** A file that only ever grows by whole lines: a line that does not fit on the disk leaves no half of it. */
class LineFile {
  readonly #fd: number;
  #closed = false;

  constructor(readonly path: string) {
    try {
      this.#fd = openSync(path, 'ax');
    } catch (error) {
      throw ioError(error, 'write', path);
    }
  }

  append(line: string): void {
    const size = fstatSync(this.#fd).size;
    const bytes = Buffer.from(`${line}\n`);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      ftruncateSync(this.#fd, size);
      throw ioError(error, 'write', this.path);
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      fsyncSync(this.#fd);
      closeSync(this.#fd);
    } catch (error) {
      throw ioError(error, 'write', this.path);
    }
  }
}

/** @returns false when it was there already and `orThere` is not set */
async function makeFolder(folder: string, orThere: boolean): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: orThere });
    return true;
  } catch (error) {
    if (!orThere && systemCode(error) === 'EEXIST') return false;
    throw ioError(error, 'make the folder', folder);
  }
}

/** valAccuracy → val_accuracy. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
