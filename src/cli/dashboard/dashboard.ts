/** `fusor train --dashboard`: training as it goes, on a page of this computer. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counted } from '../../counted';
import type { Callback, EpochProgress, Logs, TrainingContext } from '../../index';
import { packageRoot } from '../../version';
import { Interrupted } from '../interrupt';
import type { Resources } from '../local-http';
import { dashboardPage } from './page';
import { LiveServer } from './server';

/** Between two points, in milliseconds. */
const EVERY = 500;
/** When there are more points, every second one goes. */
const MOST_POINTS = 4000;
/** Means over less of an epoch than this are of a few batches, and would hide what comes after them. */
const LEAST_OF_EPOCH = 0.1;

/** Facts of the run, for the head of the page. */
export interface Facts {
  title: string;
  ranOn: string;
  seed: number;
  batchSize: number;
  /** Where it is kept. */
  folder: string;
}

/** What is drawn beside the loss: the first metric, as logs name it, and whether it is a share. */
interface Measure {
  name: string;
  isShare: boolean;
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

interface End {
  text: string;
  /** For the title of the page. */
  how: 'done' | 'interrupted' | 'failed';
}

/** Whatever goes wrong here is noted once, and training goes on without a page. */
export class Dashboard implements Callback {
  /** Of the others' making. */
  readonly last = true;
  readonly #points: Point[] = [];
  readonly #epochs: { epoch: number; logs: Logs }[] = [];
  readonly #server: LiveServer;
  #facts?: Facts;
  #epochCount = 0;
  #measure: Measure | null = null;
  #validates = false;
  #began = 0;
  #told = Number.NEGATIVE_INFINITY;
  /** What was told before, of the epoch at hand. */
  #mark: { batch: number; time: number } | null = null;
  #end: End | null = null;
  #isOpen = false;

  constructor(
    /** Known when training begins. */
    private readonly factsOf: () => Facts,
    private readonly note: (text: string) => void,
  ) {
    this.#server = new LiveServer(resources, () => ['all', this.#everything()]);
  }

  async onTrainBegin({ epochs, history, logNames, accuracyNames }: TrainingContext): Promise<void> {
    this.#began = performance.now();
    this.#epochCount = epochs;
    this.#validates = logNames.includes('valLoss');
    const [, name] = logNames;
    if (name !== undefined && !OTHERS.includes(name))
      this.#measure = { name, isShare: accuracyNames.includes(name) };
    history.epoch.forEach((epoch, i) => {
      const logs = Object.entries(history.history).map(([name, values]) => [name, values[i]]);
      this.#epochs.push({ epoch, logs: Object.fromEntries(logs) });
    });
    try {
      this.#facts = this.factsOf();
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
    const done = Number.isFinite(batches) ? batch / batches : 0;
    this.#safely(() => this.#add(epoch + done, done >= LEAST_OF_EPOCH ? this.#shown(logs) : {}, took));
  }

  onEpochEnd(epoch: number, logs: Logs, { stepMicroseconds }: TrainingContext): void {
    if (!this.#isOpen) return;
    this.#safely(() => {
      this.#add(epoch + 1, this.#shown(logs), stepMicroseconds);
      this.#epochs.push({ epoch, logs });
      this.#server.send('epoch', { epoch, logs });
    });
  }

  onTrainEnd(_logs: Logs, { history }: TrainingContext): void {
    const { steps, stepMicroseconds, fitSeconds } = history.timing;
    const epochs = history.epoch.length;
    const early =
      history.stopped === 'callback'
        ? `stopped early, after ${epochs} of ${counted(this.#epochCount, 'epoch')}`
        : `finished ${counted(epochs, 'epoch')}`;
    const took = `${steps.toLocaleString('en')} steps of ${stepMicroseconds.toFixed(1)} µs, ${fitSeconds.toFixed(2)} s with all that lies between`;
    this.#close({ text: `${early}${this.#best()}: ${took}`, how: 'done' });
  }

  /** Which epoch is the one that was best. */
  #best(): string {
    if (!this.#validates || this.#epochs.length < 2) return '';
    const losses = this.#epochs.map(({ logs }) => logs.valLoss);
    const least = Math.min(...losses);
    const { epoch } = this.#epochs[losses.indexOf(least)];
    return `, the validation loss was least, ${least.toPrecision(4)}, in epoch ${epoch + 1}`;
  }

  #shown(logs: Logs): Logs {
    const { name } = this.#measure ?? {};
    return { loss: logs.loss, ...(name !== undefined && { [name]: logs[name] }) };
  }

  onTrainError(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    // Who interrupts it keeps what it has reached: nothing has failed.
    if (error instanceof Interrupted)
      this.#close({
        text: `${message}, after ${this.#epochs.length} of ${counted(this.#epochCount, 'epoch')}`,
        how: 'interrupted',
      });
    else this.#close({ text: `ended: ${message}`, how: 'failed' });
  }

  /** @param at epochs done */
  #add(at: number, logs: Logs, stepMicroseconds: number | null): void {
    const point: Point = {
      at,
      seconds: (performance.now() - this.#began) / 1000,
      logs,
      stepMicroseconds,
      rowsPerSecond: stepMicroseconds === null ? null : (this.#facts!.batchSize * 1e6) / stepMicroseconds,
      memoryBytes: process.memoryUsage.rss(),
    };
    this.#points.push(point);
    if (this.#points.length > MOST_POINTS)
      this.#points.splice(0, this.#points.length, ...this.#points.filter((_, i) => i % 2 === 1));
    this.#server.send('point', point);
  }

  #everything() {
    return {
      facts: this.#facts,
      epochCount: this.#epochCount,
      measure: this.#measure,
      validates: this.#validates,
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

  #close(end: End): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#end = end;
    this.#safely(() => this.#server.end('end', end));
  }
}

/** Of the logs of a training without metrics. */
const OTHERS = ['valLoss', 'learningRate'];

function resources(token: string): Resources {
  const script = 'text/javascript; charset=utf-8';
  const client = join(packageRoot, 'scripts', 'dashboard', 'client.js');
  return {
    '/': { type: 'text/html; charset=utf-8', body: dashboardPage(token) },
    '/client.js': { type: script, body: readFileSync(client) },
    '/echarts.js': { type: script, body: readFileSync(require.resolve('echarts/dist/echarts.min.js')) },
  };
}
