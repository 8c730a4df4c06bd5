import { FusorError } from '../../errors';
import { CATEGORY, hasTextClasses, type TableLayout } from './layout';
import type { ParsedBlock } from './parse';
import type { TableColumn, TableSchema } from './schema';
import type { KeptBlock } from './store';

/** More would be a text or a number of its own in each row. */
const MOST_CATEGORIES = 1000;
const MOST_CLASSES = 100;

/** What is known of a table when its blocks have gone by. */
export class TableSummary {
  rows = 0;
  readonly #features: number[];
  readonly #counts: Float64Array;
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  /** By column, the number of each category; in the order in which they came. */
  readonly #categories: (Map<string, number> | undefined)[];
  /** Of a label of numbers those that came, till there are too many for classes. */
  readonly #labels = new Set<number>();
  #onlyBytes = true;
  #greatest = 0;
  /** About the means: keeps sums of squares exact. */
  #shift = new Float64Array(0);

  /** @param given what the columns must be: categories have its numbers */
  constructor(
    private readonly layout: TableLayout,
    private readonly given?: TableSchema,
  ) {
    this.#features = layout.features;
    const { length } = this.#features;
    [this.#counts, this.#sums, this.#squares] = [
      new Float64Array(length),
      new Float64Array(length),
      new Float64Array(length),
    ];
    this.#categories = layout.kinds.map((kind, i) =>
      kind === CATEGORY ? new Map(this.#namesIn(i).map((name, id) => [name, id])) : undefined,
    );
  }

  /** @param first rows of the table */
  centre({ values, rows }: Pick<KeptBlock, 'values' | 'rows'>): void {
    const width = this.#features.length;
    this.#shift = Float64Array.from(this.#features, (_, f) => {
      let sum = 0;
      let count = 0;
      for (let row = 0; row < rows; row++) {
        const value = values[row * width + f];
        if (Number.isNaN(value)) continue;
        sum += value;
        count++;
      }
      return count > 0 ? sum / count : 0;
    });
  }

  /** Means and deviations are those of the rows that train. */
  learn({ values, rows }: KeptBlock): void {
    if (values[Symbol.toStringTag] === 'Uint8Array') {
      this.#learnBytes(values, rows);
      return;
    }
    const width = this.#features.length;
    const [counts, sums, squares, shift] = [this.#counts, this.#sums, this.#squares, this.#shift];
    for (let i = 0; i < values.length; )
      for (let f = 0; f < width; f++, i++) {
        const far = values[i] - shift[f];
        // A missing number.
        if (Number.isNaN(far)) continue;
        counts[f]++;
        sums[f] += far;
        squares[f] += far * far;
      }
  }

  /** None is missing, most are 0, and sums of integers are exact without a shift. */
  #learnBytes(values: KeptBlock['values'], rows: number): void {
    const width = this.#features.length;
    const sums = new Float64Array(width);
    const squares = new Float64Array(width);
    for (let i = 0; i < values.length; )
      for (let f = 0; f < width; f++, i++) {
        const value = values[i];
        if (value === 0) continue;
        sums[f] += value;
        squares[f] += value * value;
      }
    for (let f = 0; f < width; f++) {
      const shift = this.#shift[f];
      this.#counts[f] += rows;
      this.#sums[f] += sums[f] - rows * shift;
      this.#squares[f] += squares[f] - 2 * shift * sums[f] + rows * shift * shift;
    }
  }

  /** The first `rows` of a block, its categories numbered as those of all blocks. */
  add(block: ParsedBlock, rows: number): KeptBlock {
    const { layout } = this;
    const width = this.#features.length;
    this.rows += rows;
    this.#onlyBytes &&= block.values[Symbol.toStringTag] === 'Uint8Array';
    if (this.#onlyBytes && this.#greatest < 128) this.#greatest = greatestOf(block.values, this.#greatest);
    let values = block.values.subarray(0, rows * width);
    const labels = block.labels.subarray(0, rows);
    for (const [f, column] of this.#features.entries()) {
      const ids = this.#number(column, block.categories[column]);
      if (!ids || ids.every((id, i) => id === i)) continue;
      if (Math.max(...ids) > 255 && values[Symbol.toStringTag] === 'Uint8Array')
        values = Float32Array.from(values);
      for (let row = 0; row < rows; row++) values[row * width + f] = ids[values[row * width + f]];
    }
    const ids = this.#number(layout.label, block.categories[layout.label]);
    if (ids) for (let row = 0; row < rows; row++) labels[row] = ids[labels[row]];
    else
      for (let row = 0; row < rows && this.#labels.size <= MOST_CATEGORIES; row++)
        this.#labels.add(labels[row]);
    return { rows, values, labels };
  }

  #number(column: number, names: readonly string[] | undefined): number[] | undefined {
    const known = this.#categories[column];
    if (!known || !names) return undefined;
    const ids = names.map((name) => {
      const id = known.get(name) ?? known.size;
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
    const empty = this.#features.find((_, f) => this.#counts[f] === 0);
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

  #asGiven(schema: TableSchema): { schema: TableSchema; order?: Map<number, number> } {
    const { names, file } = this.layout;
    for (const [column, known] of this.#categories.entries()) {
      const stranger = known && [...known.keys()][this.#namesIn(column).length];
      if (stranger !== undefined)
        throw new FusorError(
          'ERR_LABEL_RANGE',
          [
            `"${stranger}" in column "${names[column]}" was not there in training`,
            file,
            'take such rows away, or train anew',
          ],
          { file, value: stranger },
        );
    }
    const { classes } = schema.label;
    if (!classes) return { schema };
    if (hasTextClasses(schema)) return { schema, order: new Map(classes.map((_, i) => [i, i])) };
    const order = new Map(classes.map((name, i) => [Number(name), i]));
    const stranger = [...this.#labels].find((label) => !order.has(label));
    if (stranger === undefined) return { schema, order };
    throw new FusorError(
      'ERR_LABEL_RANGE',
      [`label ${stranger} was not there in training`, file, `there were ${classes.slice(0, 12).join(', ')}`],
      { file, value: stranger },
    );
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
      const mean = this.#sums[f] / this.#counts[f];
      const deviation = Math.sqrt(Math.max(0, this.#squares[f] / this.#counts[f] - mean * mean));
      return { name: names[column], kind: 'number', mean: mean + this.#shift[f], deviation };
    });
    const bytes = this.#onlyBytes && columns.every(({ kind }) => kind === 'number');
    if (scale === 'bytes' && !bytes)
      throw new FusorError(
        'ERR_ARG',
        ['not all columns are integers from 0 to 255', this.layout.file, 'take another scale'],
        { argument: 'scale' },
      );
    const chosen = scale !== 'auto' ? scale : bytes && this.#greatest >= 128 ? 'bytes' : 'standard';
    const classes = this.#classes(task, kinds[label] === CATEGORY);
    const schema: TableSchema = {
      columns,
      label: { name: names[label], ...(classes && { classes: classes.map(([name]) => name) }) },
      scale: chosen,
    };
    return { schema, ...(classes && { order: new Map(classes.map(([, stored], i) => [stored, i])) }) };
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
    const values = [...this.#labels].sort((a, b) => a - b);
    const looks = values.length <= MOST_CLASSES && values.every(Number.isInteger);
    if (task === 'regression' || (!task && !looks)) return undefined;
    if (values.length > MOST_CATEGORIES)
      throw refuse(
        `more than ${MOST_CATEGORIES} different labels`,
        'predict a value: --loss meanSquaredError',
      );
    if (values.length < 2) throw refuse(`every label is ${values[0]}`, 'there is nothing to tell apart');
    return values.map((value) => [String(value), value]);
  }
}

function greatestOf(values: ArrayLike<number>, least: number): number {
  let most = least;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
}
