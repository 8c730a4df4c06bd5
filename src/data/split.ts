import { wrong } from '../arguments';
import { Purpose, randomUint32, shuffled } from '../random';

export const PARTS = ['train', 'validation', 'test'] as const;

/** Strata beyond so many share one: what has so many values is no class. */
const MOST_STRATA = 100;

/** @throws ERR_ARG where they leave no rows to train */
export function checkShares(where: string, validation: number, test: number): void {
  if (validation + test >= 1)
    throw wrong(where, 'validation and test together', validation + test, 'a share below 1');
}

interface Stratum {
  index: number;
  seen: number;
  given: [validation: number, test: number];
}

/**
 * Divides rows among training, validation and test, each class in the same shares (to a row), at random by the seed alone.
 * Rows may come in blocks: it keeps counts, no rows.
 */
export class Splitter {
  readonly #strata = new Map<number, Stratum>();
  #block = 0;
  /** Whether labels are few enough to be classes; known from the first block. */
  #classes = false;

  /** @param fractions of the rows, to validate and to test with @throws ERR_ARG where none are left to train */
  constructor(
    readonly fractions: readonly [validation: number, test: number],
    private readonly seed: number,
  ) {
    checkShares('the rows', ...fractions);
  }

  /** The part of each row: 0 trains, 1 validates, 2 tests. @param labels the class, or value, of each row */
  assign(labels: ArrayLike<number>): Uint8Array {
    const parts = new Uint8Array(labels.length);
    if (this.fractions.every((fraction) => fraction === 0)) return parts;
    if (this.#block === 0) this.#classes = new Set(Array.from(labels)).size <= MOST_STRATA;
    const rows = new Map<Stratum, number[]>();
    for (let row = 0; row < labels.length; row++) {
      const stratum = this.#stratumOf(labels[row]);
      const its = rows.get(stratum);
      if (its) its.push(row);
      else rows.set(stratum, [row]);
    }
    const carry = [0, 0];
    for (const [stratum, its] of rows) {
      const random = randomUint32(its.length, this.seed, Purpose.split, stratum.index, this.#block);
      const order = shuffled(random);
      stratum.seen += its.length;
      let next = 0;
      for (const [i, fraction] of this.fractions.entries()) {
        const due = fraction * stratum.seen - stratum.given[i];
        // What one class is short of a whole row, the next one has more: shares hold for all rows together, too.
        carry[i] += due;
        const wanted = Math.min(Math.ceil(due), Math.max(0, Math.floor(due), Math.round(carry[i])));
        carry[i] -= wanted;
        for (let n = 0; n < wanted && next < order.length; n++, next++) {
          parts[its[order[next]]] = i + 1;
          stratum.given[i]++;
        }
      }
    }
    this.#block++;
    return parts;
  }

  #stratumOf(label: number): Stratum {
    const known = this.#classes && (this.#strata.has(label) || this.#strata.size < MOST_STRATA);
    const key = known ? label : Number.NaN;
    let stratum = this.#strata.get(key);
    if (!stratum) {
      stratum = { index: this.#strata.size, seen: 0, given: [0, 0] };
      this.#strata.set(key, stratum);
    }
    return stratum;
  }
}
