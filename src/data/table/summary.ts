import { FusorError } from '../../errors';
import type { Category } from './categories';
import type { ParsedRows } from './held-blocks';
import type { Choice, Kept } from './keep';
import { CATEGORY, hasTextClasses, type TableLayout } from './layout';
import { Moments } from './moments';
import { orderOf, strangeLabel, type TableColumn, type TableSchema } from './schema';

/** More would be a text or a number of its own in each row. */
const MOST_CATEGORIES = 1000;
const MOST_CLASSES = 100;
/** From there on float32, as which labels are stored, does not have all integers. */
const MOST_INTEGER = 2 ** 24;

/** What is known of a table when its blocks have gone by. */
export class TableSummary {
  rows = 0;
  readonly #features: number[];
  readonly #moments: Moments;
  readonly #labelMoments = new Moments(new Float64Array(1));
  /** By column, the number of each category; in the order in which they came. */
  readonly #categories: (Map<string, number> | undefined)[];
  /** Of a label of numbers those that came, till there are too many for classes. */
  readonly #labels = new Set<number>();
  #onlyBytes = true;
  #high = false;

  /** @param centre values near the columns' means @param given what the columns must be: categories have its numbers */
  constructor(
    private readonly layout: TableLayout,
    centre: Float64Array,
    private readonly given?: TableSchema,
  ) {
    this.#features = layout.features;
    this.#moments = new Moments(centre);
    this.#categories = layout.kinds.map((kind, i) =>
      kind === CATEGORY ? new Map(this.#namesIn(i).map((name, id) => [name, id])) : undefined,
    );
  }

  /**
   * Counts the first `rows` of a block, whose categories become those of all blocks. @param line lines before it
   * @returns what `keep` is to know @throws ERR_DATA_FORMAT for too many categories, ERR_LABEL_RANGE for one that is not given
   */
  number(block: ParsedRows, rows: number, line: number): Omit<Choice, 'parts'> {
    const { layout } = this;
    this.rows += rows;
    this.#onlyBytes &&= block.bytes;
    const labels = block.labels.subarray(0, rows);
    const renumbered = new Map<number, number[]>();
    for (const [f, column] of this.#features.entries()) {
      const ids = this.#idsOf(column, block.categories[column], rows, line);
      if (ids?.some((id, i) => id !== i)) renumbered.set(f, ids);
    }
    const ids = this.#idsOf(layout.label, block.categories[layout.label], rows, line);
    if (ids) for (let row = 0; row < rows; row++) labels[row] = ids[labels[row]];
    else
      for (let row = 0; row < rows && this.#labels.size <= MOST_CATEGORIES; row++)
        this.#labels.add(labels[row]);
    return { labels, renumbered };
  }

  /** Means and deviations are those of the rows that train. */
  learn({ moments, labels, high }: Pick<Kept, 'moments' | 'labels' | 'high'>): void {
    this.#moments.merge(moments);
    this.#labelMoments.merge(labels);
    this.#high ||= high;
  }

  /** Of the categories of a block's first `rows`. */
  #idsOf(
    column: number,
    found: readonly Category[] | undefined,
    rows: number,
    line: number,
  ): number[] | undefined {
    const known = this.#categories[column];
    if (!known || !found) return undefined;
    const taken = found.filter(({ row }) => row < rows);
    const ids = taken.map(({ name, line: within }) => {
      const id = known.get(name) ?? known.size;
      if (this.given && id === known.size) throw this.#stranger(column, name, line + within + 1);
      known.set(name, id);
      return id;
    });
    if (known.size <= MOST_CATEGORIES) return ids;
    const { names: columns, file, label } = this.layout;
    const mend = column === label ? 'predict another column' : `leave it out: --ignore ${columns[column]}`;
    throw new FusorError(
      'ERR_DATA_FORMAT',
      [`column "${columns[column]}" has more than ${MOST_CATEGORIES} categories`, file, mend],
      { file },
    );
  }

  finish(): void {
    const { file } = this.layout;
    if (this.rows === 0)
      throw new FusorError('ERR_DATA_EMPTY', ['the file has no rows', file, 'give at least one'], { file });
    if (this.given) return;
    const empty = this.#features.find((_, f) => this.#moments.counts[f] === 0);
    if (empty !== undefined)
      throw new FusorError(
        'ERR_DATA_EMPTY',
        [`column "${this.layout.names[empty]}" has no values`, file, 'leave it out: --ignore'],
        { file },
      );
  }

  /** Of a column, or of the label, in the schema that is given. */
  #namesIn(column: number): readonly string[] {
    const { names, label } = this.layout;
    if (column === label) return this.given?.label.classes ?? [];
    const found = this.given?.columns.find(({ name }) => name === names[column]);
    return found?.kind === 'category' ? found.categories : [];
  }

  #stranger(column: number, value: string, line: number): FusorError {
    const { names, file } = this.layout;
    return new FusorError(
      'ERR_LABEL_RANGE',
      [
        `"${value.slice(0, 40)}" in column "${names[column]}" was not there in training`,
        `${file}, line ${line}`,
        `there were ${this.#namesIn(column).slice(0, 12).join(', ')}`,
      ],
      { file, line, value },
    );
  }

  #asGiven(schema: TableSchema): { schema: TableSchema; order?: Map<number, number> } {
    const { classes } = schema.label;
    if (!classes) return { schema };
    if (hasTextClasses(schema)) return { schema, order: new Map(classes.map((_, i) => [i, i])) };
    const order = orderOf(classes);
    const stranger = [...this.#labels].find((label) => !order.has(label));
    if (stranger === undefined) return { schema, order };
    throw strangeLabel(stranger, classes, this.layout.file);
  }

  /** @param task as the user wants it; else what the label looks like */
  schema(
    task: 'classification' | 'regression' | undefined,
    scale: 'auto' | TableSchema['scale'],
  ): { schema: TableSchema; order?: Map<number, number> } {
    if (this.given) return this.#asGiven(this.given);
    const { names, label, kinds } = this.layout;
    const columns = this.#features.map((column, f): TableColumn => {
      const categories = this.#categories[column];
      if (categories) return { name: names[column], kind: 'category', categories: [...categories.keys()] };
      const [mean, deviation] = [this.#moments.mean(f), this.#moments.deviation(f)];
      return { name: names[column], kind: 'number', mean, deviation };
    });
    const bytes = this.#onlyBytes && columns.every(({ kind }) => kind === 'number');
    if (scale === 'bytes' && !bytes)
      throw new FusorError(
        'ERR_ARG',
        ['not all columns are integers from 0 to 255', this.layout.file, 'take another scale'],
        { argument: 'scale' },
      );
    const chosen = scale !== 'auto' ? scale : bytes && this.#high ? 'bytes' : 'standard';
    const text = kinds[label] === CATEGORY;
    const classes = this.#classes(task, text);
    const schema: TableSchema = {
      columns,
      label: {
        name: names[label],
        ...(classes
          ? { classes: classes.map(([name]) => name) }
          : { mean: this.#labelMoments.mean(0), deviation: this.#labelMoments.deviation(0) }),
        ...(text && { text }),
      },
      scale: chosen,
      ...(this.layout.decimalComma && { decimal: ',' }),
    };
    return { schema, ...(classes && { order: new Map(classes.map(([, stored], i) => [stored, i])) }) };
  }

  /** Whether the labels that came are classes. @param task as the user wants it; else what they look like */
  hasClasses(task: 'classification' | 'regression' | undefined): boolean {
    if (this.given) return this.given.label.classes !== undefined;
    if (task) return task === 'classification' && this.#labels.size <= MOST_CATEGORIES;
    if (this.layout.kinds[this.layout.label] === CATEGORY) return true;
    // Classes come again: of a few rows each value may be an integer, and yet be one.
    const most = Math.min(MOST_CLASSES, Math.ceil(this.rows / 2));
    return this.#labels.size <= most && [...this.#labels].every(Number.isInteger);
  }

  /** Sorted, each with the number that it is stored as; undefined for values. */
  #classes(
    task: 'classification' | 'regression' | undefined,
    text: boolean,
  ): [name: string, stored: number][] | undefined {
    const { file, names, label } = this.layout;
    const refuse = (what: string, mend: string) =>
      new FusorError('ERR_LABEL_RANGE', [what, `${file}, column "${names[label]}"`, mend], { file });
    if (text) {
      if (task === 'regression')
        throw refuse('the label is text: it has no value', 'predict another column, or classes');
      const sorted = [...this.#categories[label]!].sort(([a], [b]) => (a < b ? -1 : 1));
      if (sorted.length < 2)
        throw refuse(`every label is "${sorted[0]?.[0]}"`, 'there is nothing to tell apart');
      return sorted;
    }
    if (task === 'classification' && this.#labels.size > MOST_CATEGORIES)
      throw refuse(
        `more than ${MOST_CATEGORIES} different labels`,
        'predict a value: --loss meanSquaredError',
      );
    if (!this.hasClasses(task)) return undefined;
    const values = [...this.#labels].sort((a, b) => a - b);
    const great = values.find((value) => Math.abs(value) >= MOST_INTEGER);
    if (great !== undefined)
      throw refuse(
        `labels of ${MOST_INTEGER} and more are not told apart as numbers`,
        `take them as text: --categorical ${names[label]}; or predict a value: --loss meanSquaredError`,
      );
    if (values.length < 2) throw refuse(`every label is ${values[0]}`, 'there is nothing to tell apart');
    return values.map((value) => [String(value), value]);
  }
}
