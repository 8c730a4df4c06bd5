/** Variants, each in a process of its own, measured in turns: what drifts on the machine drifts for all. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { benchEnvironment } from '../../bench/ceilings';
import { type ErrorCode, FusorError } from '../../errors';
import type { Round } from '../../profile/round';
import { revived } from '../told-error';
import type { Problem } from '../train/problem';
import type { Obstacle, Way } from '../ways';
import type { Done, Order, Ready, Request, Told } from './child';

export interface Measured {
  way: Way;
  ready: Ready;
  rounds: Round[];
  done: Done;
}

export interface Plan extends Request {
  rounds: number;
  /** Whether phases are marked as ranges of NVTX. */
  nvtx: boolean;
}

/** What a variant that cannot be profiled here is refused with. */
const NOT_HERE: readonly ErrorCode[] = ['ERR_BACKEND_UNAVAILABLE', 'ERR_UNSUPPORTED'];

/**
 * Those that run.
 * @param ready is told of each before any is measured, and may throw
 * @param refused is told of what cannot be had here, and may throw
 */
export async function measureEach(
  ways: readonly Way[],
  { rounds, problem, nvtx, ...how }: Plan,
  signal: AbortSignal,
  tell: (text: string) => void,
  ready: (ready: Ready) => void,
  refused: (obstacle: Obstacle, error: Error) => void,
): Promise<Measured[]> {
  const variants: Variant[] = [];
  try {
    for (const way of ways) {
      tell(`${way.name}: warming up …`);
      const variant = new Variant(way, nvtx, signal);
      variants.push(variant);
      await variant.open({ ...how, problem: on(way, problem) }).catch((error) => {
        if (!(error instanceof FusorError) || !NOT_HERE.includes(error.code)) throw error;
        variants.splice(variants.indexOf(variant), 1);
        variant.end();
        const { what, where, mend: cure } = error.parts;
        refused({ name: way.name, reason: [what, where].filter(Boolean).join(', '), cure }, error);
      });
    }
    for (const variant of variants) ready(variant.ready);
    for (let i = 0; i < rounds; i++) {
      for (const variant of variants) {
        if (i === 0 || variant.isSlow) tell(`${variant.way.name}: round ${i + 1} of ${rounds} …`);
        await variant.round();
      }
    }
    const measured: Measured[] = [];
    for (const variant of variants) {
      if (how.epochs > 0)
        tell(`${variant.way.name}: ${how.epochs === 1 ? 'an epoch' : `${how.epochs} epochs`} …`);
      measured.push(await variant.finish());
    }
    return measured;
  } finally {
    for (const variant of variants) variant.end();
  }
}

function on({ backend, device, kernels, tfjsEngine }: Way, problem: Problem): Problem {
  const where = { backend, kernels, tfjsEngine, quiet: true };
  const exact = device === 'auto' ? {} : { device };
  return { ...problem, settings: { ...problem.settings, ...where, ...exact } };
}

class Variant {
  readonly #child: ChildProcess;
  readonly #rounds: Round[] = [];
  #ready?: Ready;
  #took = 0;
  #said = '';

  constructor(
    readonly way: Way,
    nvtx: boolean,
    private readonly signal: AbortSignal,
  ) {
    this.#child = fork(join(__dirname, 'child.js'), [way.name], {
      execArgv: [],
      env: { ...benchEnvironment(), FUSOR_NVTX: nvtx ? '1' : '' },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-10_000);
    });
    process.once('exit', this.end);
  }

  /** Whether it is worth saying what it does. */
  get isSlow(): boolean {
    return this.#took > 2000;
  }

  get ready(): Ready {
    return this.#ready!;
  }

  async open(request: Request): Promise<void> {
    const told = await this.#ask({ kind: 'open', request });
    if (told.kind === 'ready') this.#ready = told.ready;
  }

  async round(): Promise<void> {
    const began = performance.now();
    const told = await this.#ask({ kind: 'round' });
    if (told.kind === 'round') this.#rounds.push(told.round);
    this.#took = performance.now() - began;
  }

  async finish(): Promise<Measured> {
    const told = await this.#ask({ kind: 'finish' });
    const { done } = told as Extract<Told, { kind: 'done' }>;
    this.end();
    return { way: this.way, ready: this.ready, rounds: this.#rounds, done };
  }

  /** Libraries may take long, or crash, on the way out. */
  readonly end = (): void => {
    process.off('exit', this.end);
    this.#child.kill('SIGKILL');
  };

  /** @throws what went wrong there, under the name of the variant */
  #ask(order: Order): Promise<Told> {
    this.signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const abort = () => reject(this.signal.reason);
      const died = (status: number | null, killedBy: string | null) =>
        reject(
          new Error(`${this.way.name}: its process ended with ${killedBy ?? status}: ${this.#lastLine()}`),
        );
      this.#child.once('exit', died);
      this.signal.addEventListener('abort', abort, { once: true });
      this.#child.once('message', (told: Told) => {
        this.#child.off('exit', died);
        this.signal.removeEventListener('abort', abort);
        if (told.kind === 'failed') reject(revived(told.error, this.way.name));
        else resolve(told);
      });
      this.#child.send(order);
    });
  }

  #lastLine(): string {
    return this.#said.trim().split('\n').at(-1) ?? '';
  }
}
