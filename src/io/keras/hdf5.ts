/** Keras' HDF5 files as lists of arrays: those below /layers. The work is done by a thread that is made for it: see hdf5-worker. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { FusorError } from '../../errors';
import { refused } from '../../files/refused';

export interface Hdf5Dataset {
  /** layers/dense/vars/0 */
  path: string;
  shape: readonly number[];
  data: Float32Array | Float64Array;
}

export type Hdf5Task =
  | { kind: 'read'; bytes: Uint8Array }
  | { kind: 'write'; groups: { path: string; name: string }[]; datasets: Hdf5Dataset[] };

export type Hdf5Answer =
  | { datasets: Hdf5Dataset[] }
  | { bytes: Uint8Array }
  | { fault: string; refused: boolean };

/** No file takes so long, whatever its size. */
const TIMEOUT = 60_000;
/** Then it gives back its memory. */
const IDLE = 5_000;
/** WebAssembly has 4 GiB, in which the file lies once and each array once more. */
const MAX_SIZE = 1 << 30;

/** A thread that does one task after the other, and ends when there is none; one that died on a file is followed by another. */
export class Hdf5 {
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param file names it in errors. @throws ERR_FILE_FORMAT */
  async read(bytes: Uint8Array, file: string): Promise<Hdf5Dataset[]> {
    if (bytes.length > MAX_SIZE)
      throw refused(file, 'size', `${bytes.length} bytes, more than the ${MAX_SIZE} allowed`, 'name another');
    const answer = await this.#answer({ kind: 'read', bytes });
    if ('datasets' in answer) return answer.datasets;
    const { fault, refused: known } = answer as { fault: string; refused: boolean };
    const what = known ? `its HDF5 is not of Keras: ${fault}` : `not HDF5, or damaged: ${fault}`;
    throw refused(file, 'hdf5', what, known ? 'save it with Keras 3' : 'take another copy');
  }

  async write(task: Omit<Extract<Hdf5Task, { kind: 'write' }>, 'kind'>, file: string): Promise<Uint8Array> {
    const answer = await this.#answer({ kind: 'write', ...task });
    if ('bytes' in answer) return answer.bytes;
    const { fault } = answer as { fault: string };
    throw new FusorError('ERR_IO', [`no HDF5 could be made: ${fault}`, file], { file });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** One at a time: an answer does not say whose it is. */
  #answer(task: Hdf5Task): Promise<Hdf5Answer> {
    const answer = this.#last.then(() => this.#ask(task));
    this.#last = answer;
    return answer;
  }

  async #ask(task: Hdf5Task): Promise<Hdf5Answer> {
    clearTimeout(this.#idle);
    this.#worker ??= new Worker(join(__dirname, 'hdf5-worker.js'), { stdout: true, stderr: true });
    const worker = this.#worker;
    worker.ref();
    worker.postMessage(task);
    try {
      const [answer] = await once(worker, 'message', { signal: AbortSignal.timeout(TIMEOUT) });
      // What failed may have left the library in any state.
      if ('fault' in answer && !answer.refused) await this.close();
      return answer;
    } catch (error) {
      await this.close();
      return { fault: (error as Error).message.split('\n')[0], refused: false };
    } finally {
      this.#worker?.unref();
      this.#idle = setTimeout(() => void this.close(), IDLE).unref();
    }
  }
}

/** The thread of this process. It takes a third of a second to begin. */
export const hdf5 = new Hdf5();
