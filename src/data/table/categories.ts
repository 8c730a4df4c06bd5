export interface Category {
  name: string;
  /** The first of the block's rows that has it, and its line in the block, from 0. */
  row: number;
  line: number;
}

/** The categories of a column in a block, numbered in the order in which they first came. */
export class Categories {
  readonly #found: (Category & { key: string })[] = [];
  readonly #byName = new Map<string, number>();
  readonly #byKey = new Map<string, number>();

  /** @param key what was read, which is cheaper to make than the name */
  get(key: string): number | undefined {
    return this.#byKey.get(key);
  }

  add(key: string, name: string, row: number, line: number): number {
    const id = this.#byName.get(name) ?? this.#found.push({ name, row, line, key }) - 1;
    this.#byName.set(name, id);
    this.#byKey.set(key, id);
    return id;
  }

  /** That row is dropped, and what came with it. */
  drop(row: number): void {
    const last = this.#found.at(-1);
    if (last?.row !== row) return;
    this.#found.pop();
    this.#byName.delete(last.name);
    this.#byKey.delete(last.key);
  }

  all(): Category[] {
    return this.#found.map(({ name, row, line }) => ({ name, row, line }));
  }
}
