/** `fusor train --dashboard`: training as it goes, on a page of this computer. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Callback, EpochProgress, Logs, TrainingContext } from '../../index';
import { packageRoot } from '../../version';
import { dashboardPage } from './page';
import { LiveServer, type Resources } from './server';

/** Between two points, in milliseconds. */
const EVERY = 500;
/** When there are more points, every second one goes. */
const MOST_POINTS = 4000;

/** Facts of the run, for the head of the page. */
export interface Facts {
  title: string;
  ranOn: string;
  seed: number;
  batchSize: number;
}

interface Point {
  /** Epochs done, the one at hand in part. */
  at: number;
  /** Since training began. */
  seconds: number;
  logs: Logs;
  stepMicroseconds: number | null;
  rowsPerSecond: number | null;
  memoryBytes: number;
}

/** Whatever goes wrong here is noted once, and training goes on without a page. */
export class Dashboard implements Callback {
  /** Of the others' making. */
  readonly last = true;
  readonly #points: Point[] = [];
  readonly #epochs: { epoch: number; logs: Logs }[] = [];
  readonly #server: LiveServer;
  #epochCount = 0;
  #began = 0;
  #told = Number.NEGATIVE_INFINITY;
  /** What was told before, of the epoch at hand. */
  #mark: { batch: number; time: number } | null = null;
  #end: string | null = null;
  #isOpen = false;

  constructor(
    private readonly facts: Facts,
    private readonly note: (text: string) => void,
  ) {
    this.#server = new LiveServer(
      (token) => resources(facts.title, token),
      () => ['all', this.#everything()],
    );
  }

  async onTrainBegin({ epochs, history }: TrainingContext): Promise<void> {
    this.#began = performance.now();
    this.#epochCount = epochs;
    history.epoch.forEach((epoch, i) => {
      const logs = Object.entries(history.history).map(([name, values]) => [name, values[i]]);
      this.#epochs.push({ epoch, logs: Object.fromEntries(logs) });
    });
    try {
      this.note(`Dashboard ${await this.#server.open()}`);
      this.#isOpen = true;
    } catch (error) {
      this.note(`no dashboard: ${(error as Error).message}`);
    }
  }

  onEpochBegin(): void {
    this.#mark = null;
  }

  onProgress({ epoch, batch, batches, logs }: EpochProgress): void {
    const now = performance.now();
    if (!this.#isOpen || now - this.#told < EVERY) return;
    this.#told = now;
    // From one time to the next: how an epoch begins is none of the steps'.
    const mark = this.#mark;
    const took = mark && batch > mark.batch ? ((now - mark.time) * 1000) / (batch - mark.batch) : null;
    this.#mark = { batch, time: now };
    this.#safely(() => this.#add(epoch + batch / batches, logs, took));
  }

  onEpochEnd(epoch: number, logs: Logs, { stepMicroseconds }: TrainingContext): void {
    if (!this.#isOpen) return;
    this.#safely(() => {
      const { loss, accuracy } = logs;
      const trained: Logs = { loss, ...(accuracy !== undefined && { accuracy }) };
      this.#add(epoch + 1, trained, stepMicroseconds);
      this.#epochs.push({ epoch, logs });
      this.#server.send('epoch', { epoch, logs });
    });
  }

  onTrainEnd(_logs: Logs, { history }: TrainingContext): void {
    const { steps, stepMicroseconds, fitSeconds } = history.timing;
    this.#close(
      `finished: ${steps} steps in ${fitSeconds.toFixed(2)} s, ${stepMicroseconds.toFixed(1)} µs a step`,
    );
  }

  onTrainError(error: unknown): void {
    this.#close(`ended: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** @param at epochs done */
  #add(at: number, logs: Logs, stepMicroseconds: number | null): void {
    const point: Point = {
      at,
      seconds: (performance.now() - this.#began) / 1000,
      logs,
      stepMicroseconds,
      rowsPerSecond: stepMicroseconds === null ? null : (this.facts.batchSize * 1e6) / stepMicroseconds,
      memoryBytes: process.memoryUsage.rss(),
    };
    this.#points.push(point);
    if (this.#points.length > MOST_POINTS)
      this.#points.splice(0, this.#points.length, ...this.#points.filter((_, i) => i % 2 === 1));
    this.#server.send('point', point);
  }

  #everything() {
    const { facts } = this;
    return {
      facts,
      epochCount: this.#epochCount,
      points: this.#points,
      epochs: this.#epochs,
      end: this.#end,
    };
  }

  #safely(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#isOpen = false;
      this.note(`the dashboard has ended: ${(error as Error).message}`);
    }
  }

  #close(end: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#end = end;
    this.#safely(() => {
      this.#server.send('end', end);
      this.#server.close();
    });
  }
}

function resources(title: string, token: string): Resources {
  const script = 'text/javascript; charset=utf-8';
  const client = join(packageRoot, 'scripts', 'dashboard', 'client.js');
  return {
    '/': { type: 'text/html; charset=utf-8', body: dashboardPage(title, token) },
    '/client.js': { type: script, body: readFileSync(client) },
    '/echarts.js': { type: script, body: readFileSync(require.resolve('echarts/dist/echarts.min.js')) },
  };
}
