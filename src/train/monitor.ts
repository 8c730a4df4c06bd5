/** What of an epoch's logs a callback watches, and which values of it are better: Keras' rules. */
import { oneOf, range, real, wrong } from '../arguments';
import { FusorError } from '../errors';
import type { TrainingContext } from './callbacks';
import { kerasName, type Logs } from './history';

export interface MonitorOptions {
  /** What is watched, of the epoch's logs; default valLoss, or loss where nothing validates. val_loss is taken, too. */
  monitor?: string;
  /**
   * Which is better; default 'auto': greater for accuracies and topK, smaller for losses and errors, whatever they are named. Of a
   * name that a callback adds to the logs it has to be said.
   */
  mode?: 'auto' | 'min' | 'max';
  /** By how much more than this a value has to be better; default 0. */
  minDelta?: number;
}

export class Monitor {
  readonly #given: string | undefined;
  readonly #mode: 'auto' | 'min' | 'max';
  readonly #minDelta: number;
  #name = 'loss';
  #greater = false;

  /** @throws ERR_ARG */
  constructor(
    private readonly where: string,
    { monitor, mode, minDelta }: MonitorOptions,
  ) {
    if (monitor !== undefined && typeof monitor !== 'string')
      throw wrong(where, 'monitor', monitor, "a name of the epoch's logs, as 'valLoss'");
    this.#given = monitor;
    this.#mode = oneOf(where, 'mode', mode, ['auto', 'min', 'max'], 'auto');
    this.#minDelta = real(where, 'minDelta', minDelta, 0, range.notNegative);
  }

  /** To be called before anything else: what is watched, and which way, is found in the training's logs. @throws ERR_ARG */
  begin({
    logNames,
    accuracyNames,
    ownLogNames,
  }: Pick<TrainingContext, 'logNames' | 'accuracyNames' | 'ownLogNames'>): void {
    const given = this.#given ?? (logNames.includes('valLoss') ? 'valLoss' : 'loss');
    const as = (form: (name: string) => string) => logNames.find((name) => form(name) === form(given));
    const name = as(String) ?? as(kerasName);
    if (name === undefined)
      throw new FusorError(
        'ERR_ARG',
        [`nothing is called ${given}`, `${this.where}, monitor`, `known are ${logNames.join(', ')}`],
        { argument: 'monitor', received: given },
      );
    if (this.#mode === 'auto' && ownLogNames.includes(name))
      throw new FusorError(
        'ERR_ARG',
        [
          `whether ${name} is better greater or smaller is not known`,
          `${this.where}, mode`,
          "say 'max' or 'min'",
        ],
        { argument: 'mode' },
      );
    this.#name = name;
    this.#greater = this.#mode === 'auto' ? accuracyNames.includes(name) : this.#mode === 'max';
  }

  valueIn(logs: Logs): number {
    return logs[this.#name];
  }

  /** Whether the value of `logs` is better than `reference` by more than minDelta; anything is better than nothing. */
  improves(logs: Logs, reference: number | undefined): boolean {
    const value = this.valueIn(logs);
    if (Number.isNaN(value)) return false;
    if (reference === undefined) return true;
    // In float32, as Keras compares: where minDelta is just met both decide alike.
    const [a, b] = [
      Math.fround(value + (this.#greater ? -this.#minDelta : this.#minDelta)),
      Math.fround(reference),
    ];
    return this.#greater ? a > b : a < b;
  }
}
