/** What of an epoch's logs a callback watches, and which values of it are better: Keras' rules. */
import { oneOf, range, real, wrong } from '../arguments';
import { FusorError } from '../errors';
import type { Logs } from './history';

export interface MonitorOptions {
  /** What is watched, of the epoch's logs; default valLoss, or loss where nothing validates. val_loss is taken, too. */
  monitor?: string;
  /** Which is better; default 'auto': greater for accuracies, smaller for all else. */
  mode?: 'auto' | 'min' | 'max';
  /** By how much more than this a value has to be better; default 0. */
  minDelta?: number;
}

export class Monitor {
  readonly #name: string | undefined;
  readonly #mode: 'auto' | 'min' | 'max';
  readonly #minDelta: number;

  /** @throws ERR_ARG */
  constructor(
    private readonly where: string,
    { monitor, mode, minDelta }: MonitorOptions,
  ) {
    if (monitor !== undefined && typeof monitor !== 'string')
      throw wrong(where, 'monitor', monitor, "a name of the epoch's logs, as 'valLoss'");
    this.#name = monitor?.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    this.#mode = oneOf(where, 'mode', mode, ['auto', 'min', 'max'], 'auto');
    this.#minDelta = real(where, 'minDelta', minDelta, 0, range.notNegative);
  }

  /** What is watched. @param names of the epoch's logs @throws ERR_ARG where that is none of them */
  nameAmong(names: readonly string[]): string {
    const name = this.#name ?? (names.includes('valLoss') ? 'valLoss' : 'loss');
    if (names.includes(name)) return name;
    throw new FusorError(
      'ERR_ARG',
      [`nothing is called ${name}`, `${this.where}, monitor`, `known are ${names.join(', ')}`],
      { argument: 'monitor', received: name },
    );
  }

  /** @throws as {@link Monitor.nameAmong} */
  valueIn(logs: Logs): number {
    return logs[this.nameAmong(Object.keys(logs))];
  }

  /** Whether the value of `logs` is better than `reference` by more than minDelta; anything is better than nothing. */
  improves(logs: Logs, reference: number | undefined): boolean {
    const name = this.nameAmong(Object.keys(logs));
    const value = logs[name];
    if (Number.isNaN(value)) return false;
    if (reference === undefined) return true;
    const greater = this.#mode === 'auto' ? /accuracy|topK/i.test(name) : this.#mode === 'max';
    // In float32, as Keras compares: where minDelta is just met both decide alike.
    const [a, b] = [
      Math.fround(value + (greater ? -this.#minDelta : this.#minDelta)),
      Math.fround(reference),
    ];
    return greater ? a > b : a < b;
  }
}
