import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Task } from './held-blocks';
import type { Done, Job } from './worker';

type Work = Job extends infer J ? (J extends Job ? Omit<J, 'id'> : never) : never;

/** Threads that read, each one job after the other. They keep no process alive. */
export class Pool {
  readonly #workers: { worker: Worker; jobs: number }[];
  readonly #waiting = new Map<number, { done: (result: never) => void; failed: (error: Error) => void }>();
  #next = 0;
  #open = 0;

  constructor(
    readonly size: number,
    workerData?: Task,
  ) {
    this.#workers = Array.from({ length: size }, () => {
      const worker = new Worker(join(__dirname, 'worker.js'), { workerData });
      worker.unref();
      const entry = { worker, jobs: 0 };
      worker.on('message', (message: Done) => {
        entry.jobs--;
        const waiting = this.#waiting.get(message.id);
        if (!waiting) return; // all have failed with another
        const { done, failed } = waiting;
        this.#waiting.delete(message.id);
        this.#alive(-1);
        if ('error' in message) failed(new Error(message.error));
        else done(message.result as never);
      });
      worker.on('error', (error) => this.#fail(error as Error));
      return entry;
    });
  }

  /** The number of the thread that has least to do. */
  idlest(): number {
    const jobs = this.#workers.map((entry) => entry.jobs);
    return jobs.indexOf(Math.min(...jobs));
  }

  /** @param moved memory that goes to the thread */
  run<T>(work: Work, thread = this.idlest(), moved: ArrayBuffer[] = []): Promise<T> {
    const entry = this.#workers[thread];
    const id = this.#next++;
    entry.jobs++;
    this.#alive(1);
    const result = new Promise<T>((done, failed) => this.#waiting.set(id, { done, failed }));
    result.catch(() => {});
    entry.worker.postMessage({ id, ...work }, moved);
    return result;
  }

  /** What is still in work fails. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.terminate()));
    this.#fail(new Error('the threads have ended'));
  }

  #fail(error: Error): void {
    for (const { failed } of this.#waiting.values()) failed(error);
    this.#waiting.clear();
  }

  /** While somebody waits for a thread, the process does. */
  #alive(change: number): void {
    this.#open += change;
    for (const { worker } of this.#workers) this.#open > 0 ? worker.ref() : worker.unref();
  }
}
