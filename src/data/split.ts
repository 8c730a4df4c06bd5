import { wrong } from '../arguments';
import { Purpose, randomUint32, shuffled } from '../random';

export const PARTS = ['train', 'validation', 'test'] as const;
const PART_NUMBERS = [0, 1, 2] as const;

/** Apart from the streams that order the rows of the strata. */
const STRATA_STREAM = 2 ** 24 - 1;
/** The stratum of rows without classes; no class has that number. */
const VALUES = Number.NaN;

/** @throws ERR_ARG where they leave no rows to train */
export function checkShares(where: string, validation: number, test: number): void {
  if (validation + test >= 1)
    throw wrong(where, 'validation and test together', validation + test, 'a share below 1');
}

/** How many of the rows fit trains: the first ⌊rows·(1 − split)⌋, as Keras. @throws ERR_ARG, in the words given */
export function trainRowsOf(
  rows: number,
  split: number,
  where = 'fit',
  name = 'validationSplit',
  mend = '',
): number {
  if (split === 0) return rows;
  const trained = Math.floor(rows * (1 - split));
  if (trained > 0 && trained < rows) return trained;
  const short = trained === 0 ? 'train' : 'validate with';
  throw wrong(where, name, split, `such that of ${rows} rows at least one is left to ${short}`, mend);
}

/** By part. */
type Counts = [train: number, validation: number, test: number];

interface Stratum {
  index: number;
  seen: number;
  given: Counts;
}

/**
 * Divides rows among training, validation and test, each class in the same shares (to a row), at random by the seed alone.
 * Rows may come in blocks: it keeps counts, no rows.
 */
export class Splitter {
  readonly #shares: Counts;
  readonly #strata = new Map<number, Stratum>();
  /** What all strata together owe the parts: the shares hold for all rows, too. */
  readonly #owed: Counts = [0, 0, 0];
  #block = 0;

  /** @param fractions of the rows, to validate and to test with @throws ERR_ARG where none are left to train */
  constructor(
    readonly fractions: readonly [validation: number, test: number],
    private readonly seed: number,
  ) {
    checkShares('the rows', ...fractions);
    const [validation, test] = fractions;
    this.#shares = [1 - validation - test, validation, test];
  }

  /** The part of each row: 0 trains, 1 validates, 2 tests. @param classes of the rows; without them they have values */
  assign(rows: number, classes?: ArrayLike<number>): Uint8Array {
    const parts = new Uint8Array(rows);
    if (this.fractions.every((fraction) => fraction === 0)) return parts;
    const strata = this.#strataOf(rows, classes);
    // Where a class has too few rows for every part, the seed decides which part it gives one, not the classes' order.
    for (const at of this.#order(strata.length, STRATA_STREAM)) {
      const [stratum, its] = strata[at];
      const order = this.#order(its.length, stratum.index);
      const counts = this.#take(stratum, its.length);
      let next = 0;
      for (const part of [1, 2] as const)
        for (const end = next + counts[part]; next < end; next++) parts[its[order[next]]] = part;
    }
    this.#block++;
    return parts;
  }

  /** With the rows of each, in the order in which they come. */
  #strataOf(rows: number, classes: ArrayLike<number> | undefined): [Stratum, number[]][] {
    const found = new Map<Stratum, number[]>();
    for (let row = 0; row < rows; row++) {
      const key = classes ? classes[row] : VALUES;
      let stratum = this.#strata.get(key);
      if (!stratum) {
        stratum = { index: this.#strata.size, seen: 0, given: [0, 0, 0] };
        this.#strata.set(key, stratum);
      }
      const its = found.get(stratum);
      if (its) its.push(row);
      else found.set(stratum, [row]);
    }
    for (const [stratum, its] of found) stratum.seen += its.length;
    return [...found];
  }

  #order(count: number, stream: number): Uint32Array {
    return shuffled(randomUint32(count, this.seed, Purpose.split, stream, this.#block));
  }

  /** Rows that a part is still to have of a stratum; what binary fractions are off by is no part of a row. */
  #due({ seen, given }: Stratum, part: 0 | 1 | 2): number {
    return Math.round(this.#shares[part] * seen * 1e6) / 1e6 - given[part];
  }

  /** How many of a stratum's `rows` each part gets: the whole rows that it is due, and those left go to who is owed most. */
  #take(stratum: Stratum, rows: number): Counts {
    const owed = this.#owed;
    const due = PART_NUMBERS.map((part) => this.#due(stratum, part));
    const counts: Counts = [0, 0, 0];
    let left = rows;
    const give = (part: 0 | 1 | 2, count: number) => {
      counts[part] += count;
      stratum.given[part] += count;
      owed[part] -= count;
      left -= count;
    };
    for (const part of PART_NUMBERS) {
      owed[part] += this.#shares[part] * rows;
      give(part, Math.min(left, Math.max(0, Math.floor(due[part]))));
    }
    while (left > 0) {
      const open = PART_NUMBERS.filter((part) => counts[part] < due[part]);
      give(
        open.reduce((most, part) => (owed[part] > owed[most] ? part : most)),
        1,
      );
    }
    return counts;
  }
}
