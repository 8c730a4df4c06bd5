import { real } from '../../arguments';
import { median } from '../../bench/statistics';

/** How many times longer than usual a step may take. */
const PATIENCE = 20;
/** How many times longer the first one: kernels may have to be compiled before it. */
const FIRST = 10;
const REMEMBERED = 101;

/** FUSOR_WATCHDOG: seconds without progress that are always granted; default 30. @throws ERR_ARG */
export function watchdogSeconds(written = process.env.FUSOR_WATCHDOG || undefined): number {
  const value = written !== undefined && Number.isFinite(Number(written)) ? Number(written) : written;
  return real('environment', 'FUSOR_WATCHDOG', value, 30, [(v) => v > 0 && v <= 1e6, 'greater than 0']);
}

/**
 * Calls `hangs` when there was no progress for long. It counts its own ticks and no clock: in time that the machine
 * slept, or had for neither of us, nobody hangs.
 */
export class Watchdog {
  #idle = 0;
  #work = 1;
  #step: number | undefined;
  #at = 0;
  /** Milliseconds a step, of late. */
  readonly #times: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly floor: number,
    hangs: () => void,
  ) {
    const tick = Math.min(1, floor / 10);
    this.#timer = setInterval(() => {
      this.#idle += tick;
      if (this.#idle > this.limit) hangs();
    }, tick * 1000);
  }

  /** Seconds: max(30, 20 times the median step), or what the work at hand is worth in steps. */
  get limit(): number {
    if (this.#times.length === 0) return this.floor * FIRST;
    return Math.max(this.floor, (PATIENCE * this.#work * median(this.#times)) / 1000);
  }

  /** @param work of how many steps what comes next is worth */
  progress(step: number, work: number): void {
    const now = performance.now();
    if (this.#step !== undefined && step > this.#step) {
      this.#times.push((now - this.#at) / (step - this.#step));
      if (this.#times.length > REMEMBERED) this.#times.shift();
    }
    if (step !== this.#step) this.#at = now;
    this.#step = step;
    this.#work = work;
    this.#idle = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
