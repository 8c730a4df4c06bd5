/** What a table's beginning says: its columns, and which of them are numbers. */
import { parse } from 'papaparse';
import { wrong } from '../../arguments';
import { counted } from '../../counted';
import { FusorError, nearestName } from '../../errors';
import { isText, numberOf, withPoints } from './cell';
import { hasHeader, isBlank, separatorLine } from './header';
import { rowEnd } from './row-ends';
import type { TableSchema } from './schema';

export interface TableOptions {
  /** The column to predict: its name, or its number from 0. */
  label?: string;
  /** By default classes where the label is text or at most 100 different integers (below 2²⁴), else a value. */
  task?: 'classification' | 'regression';
  /** Columns to leave out. */
  ignore?: readonly string[];
  /** Columns of numbers that name something: one output a value, as text has it always. */
  categorical?: readonly string[];
  /**
   * Empty cells, NA, N/A, n/a, NaN, nan, null, NULL, None and ?: an error (the default), the column's mean, or the row is dropped. Among text only empty ones
   * count, and with 'mean' they are a category of their own.
   */
  missing?: 'error' | 'mean' | 'drop';
  /** One character; by default found out. */
  delimiter?: string;
  /** Of a CSV: ',' where commas between digits are decimal points, and cells are separated by something else; default as the schema's table, else '.'. */
  decimal?: '.' | ',';
  /** Of a table that a model was trained on: columns are taken as they were there, by their names. */
  schema?: TableSchema;
}

/** What a layout is made by. */
export interface LayoutOptions extends Omit<TableOptions, 'missing'> {
  missing?: TableLayout['missing'];
  /** Rows to predict: a label among them is as other columns that the model does not read. Without a schema all columns are numbers. */
  unlabelled?: boolean;
}

export const NUMBER = 0;
export const CATEGORY = 1;
const SKIPPED = 2;

/** Plain data: workers get a copy. */
export interface TableLayout {
  file: string;
  kind: 'csv' | 'jsonl';
  delimiter: string;
  /** Whether commas between digits are decimal points. */
  decimalComma: boolean;
  names: string[];
  /** NUMBER, CATEGORY or SKIPPED; of the label what it is. */
  kinds: number[];
  /** -1: there is none. */
  label: number;
  /** The columns that are features, in the order of the model's: by default all others that are not skipped. */
  features: number[];
  /** 'refuse' is an error where no option helps. */
  missing: 'error' | 'mean' | 'drop' | 'refuse';
  /** Bytes before the first row. */
  start: number;
  /** Lines before the first row. */
  line: number;
}

/**
 * @param head the first bytes of the file, ending with a whole line
 * @throws ERR_DATA_EMPTY, ERR_DATA_FORMAT, ERR_ARG for a column that is not there
 */
export function csvLayout(file: string, given: Buffer, options: LayoutOptions): TableLayout {
  const decimalComma = isComma(options);
  const head = decimalComma ? withPoints(given) : given;
  const begin = textStart(head);
  const delimiter = delimiterOf(head, options);
  if (decimalComma && delimiter === ',')
    throw wrong(
      file,
      'decimal',
      ',',
      "'.' where commas separate cells",
      `name another delimiter, or say '.'`,
    );
  const text = head.toString('utf8', begin);
  const { data: lines } = parse<string[]>(text, { delimiter, newline: '\n', preview: 1000 });
  const data = lines.filter((row) => !isBlank(row));
  if (data.length === 0)
    throw new FusorError('ERR_DATA_EMPTY', ['the file has no rows', file, 'give at least one'], { file });
  const [first] = data;
  const { schema, label, ignore = [], categorical = [], unlabelled } = options;
  const wanted = [...(label === undefined ? [] : [label]), ...ignore, ...categorical];
  // Names that nobody knows say nothing: a row with but one cell of text is wrong, then.
  const isNamed = unlabelled && !schema ? first.every(isText) : hasHeader(data, { schema, wanted });
  const names = isNamed ? first.map((name) => name.trim()) : namesWithout(first.length, options);
  checkNames(names, file);
  const rows = isNamed ? data.slice(1) : data;
  if (rows.length === 0)
    throw new FusorError('ERR_DATA_EMPTY', ['the file has a header but no rows', file, 'give at least one'], {
      file,
    });
  const kinds = names.map((_, i) => kindOf(rows.map((row) => row[i] ?? '')));
  let start = begin;
  if (isNamed) for (let row = lines.indexOf(first); row >= 0; row--) start = rowEnd(head, start, delimiter);
  const line = head.subarray(0, start).filter((byte) => byte === 10).length;
  return withColumns(
    {
      file,
      kind: 'csv',
      delimiter,
      decimalComma,
      names,
      kinds,
      label: -1,
      features: [],
      missing: 'error',
      start,
      line,
    },
    options,
  );
}

/** What columns without a header are called: by their numbers, or, of rows to predict that lack some, in the order of the model's. */
function namesWithout(count: number, { schema, unlabelled }: LayoutOptions): string[] {
  const numbers = Array.from({ length: count }, (_, i) => String(i));
  if (!schema || !unlabelled) return numbers;
  const columns = schema.columns.map(({ name }) => name);
  const isWhole = [schema.label.name, ...columns].every((name) => numbers.includes(name));
  return isWhole || count !== columns.length ? numbers : columns;
}

/** Text in fewer cells than one of so many is a slip … */
const SLIPS = 50;
/** … in a column of so many different numbers: what names something has fewer. */
const MOST_CODES = 20;

/** A slip among numbers makes no category of each: it is refused where it stands. */
function kindOf(cells: readonly string[]): number {
  const texts = cells.filter(isText).length;
  if (texts === 0) return NUMBER;
  const numbers = new Set(cells.map(numberOf).filter(Number.isFinite));
  return texts * SLIPS < cells.length && numbers.size > MOST_CODES ? NUMBER : CATEGORY;
}

/** As a file of text would have it; true and false are numbers. */
function cellText(cell: JsonCell | undefined): string {
  return typeof cell === 'string' || typeof cell === 'number' ? String(cell) : '';
}

/** After the mark of UTF-8, and a line that names the separator. */
export function textStart(head: Buffer): number {
  const mark = markOf(head);
  return mark + (separatorLine(head.toString('latin1', mark, mark + 8))?.length ?? 0);
}

const markOf = (head: Buffer): number => (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0);

/** As it is said, or else as it was in training. */
const isComma = ({ decimal, schema }: LayoutOptions): boolean => (decimal ?? schema?.decimal) === ',';

/** As it is given, or else found out. */
export function delimiterOf(head: Buffer, options: LayoutOptions): string {
  const text = (isComma(options) ? withPoints(head) : head).toString('utf8', markOf(head));
  const named = options.delimiter ?? separatorLine(text)?.delimiter;
  return named ?? parse(text, { newline: '\n', skipEmptyLines: 'greedy', preview: 1 }).meta.delimiter;
}

/** Columns are the keys of the first lines' objects; an array of numbers is a column for each. */
export function jsonlLayout(file: string, head: Buffer, options: LayoutOptions): TableLayout {
  if (options.decimal === ',') throw wrong(file, 'decimal', ',', "'.': JSON has no other");
  const lines = head
    .toString('utf8', textStart(head))
    .split('\n')
    .filter((line) => line.trim())
    .slice(0, 1000);
  if (lines.length === 0)
    throw new FusorError('ERR_DATA_EMPTY', ['the file has no rows', file, 'give at least one'], { file });
  const rows = lines.map((line, i) => flatRow(line, () => `${file}, line ${i + 1}`));
  const names = [...rows[0].keys()];
  checkNames(names, file);
  const kinds = names.map((name) => kindOf(rows.map((row) => cellText(row.get(name)))));
  return withColumns(
    {
      file,
      kind: 'jsonl',
      delimiter: '',
      decimalComma: false,
      names,
      kinds,
      label: -1,
      features: [],
      missing: 'error',
      start: textStart(head),
      line: 0,
    },
    options,
  );
}

export type JsonCell = string | number | boolean | null;

/** Whether a number may not be the one that was written: beyond 2⁵³ JSON's become others, and two that differ one. */
export function isBlurred(cell: JsonCell): boolean {
  return Number.isInteger(cell) && !Number.isSafeInteger(cell);
}

export const WRITE_AS_TEXT = 'write it as text, in quotes';

/** { a: 1, b: [2, 3] } as a, b.0, b.1. */
export function flatRow(line: string, where: () => string): Map<string, JsonCell> {
  const refuse = (what: string) =>
    new FusorError('ERR_DATA_FORMAT', [what, where(), 'write one object of numbers and text a line']);
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    throw refuse(`no JSON (${(error as Error).message.split('\n')[0].slice(0, 80)})`);
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw refuse('no JSON object');
  const cells = new Map<string, JsonCell>();
  const add = (name: string, value: unknown, depth: number): void => {
    if (Array.isArray(value) && depth < 4)
      for (const [i, part] of value.entries()) add(`${name}.${i}`, part, depth + 1);
    else if (typeof value === 'object' && value !== null)
      throw refuse(`"${name}" is neither a number nor text`);
    else cells.set(name, value as JsonCell);
  };
  for (const [name, value] of Object.entries(row)) add(name, value, 0);
  return cells;
}

/** Chooses the label and the features. */
function withColumns(layout: TableLayout, options: LayoutOptions): TableLayout {
  const { kinds, file } = layout;
  const { schema, unlabelled, missing = 'error' } = options;
  layout.missing = missing;
  if (!unlabelled) chooseLabel(layout, options);
  if (schema) asTrained(layout, schema);
  else {
    if (unlabelled) kinds.fill(NUMBER);
    layout.features = kinds.flatMap((kind, i) => (i === layout.label || kind === SKIPPED ? [] : i));
  }
  if (layout.features.length === 0)
    throw new FusorError(
      'ERR_DATA_FORMAT',
      [
        `no columns but the label "${layout.names[layout.label]}"`,
        file,
        'give at least one to predict it from',
      ],
      { file },
    );
  return layout;
}

/** And the columns that are said to be no features, or no numbers. */
function chooseLabel(
  layout: TableLayout,
  { schema, label = schema?.label.name, ignore = [], categorical = [] }: LayoutOptions,
): void {
  const { names, kinds, file } = layout;
  const shown = names.length > 12 ? `${names.slice(0, 12).join(', ')} … (${names.length})` : names.join(', ');
  const column = (name: string, option: string): number => {
    const found = names.indexOf(name);
    if (found >= 0) return found;
    const near = nearestName(name, names);
    const mend = isNumbered(layout) ? 'its first row is no header' : near && `did you mean ${near}?`;
    throw wrong(file, option, name, `a column: ${shown}`, mend);
  };
  if (label === undefined) {
    throw new FusorError(
      'ERR_ARG',
      ['which column is to be predicted is not said', file, `name it with --label (label): ${shown}`],
      { argument: 'label' },
    );
  }
  // Names come first: a column may be called 2.
  const isNumber = !names.includes(label) && /^\d+$/.test(label) && Number(label) < names.length;
  layout.label = isNumber ? Number(label) : column(label, 'label');
  for (const name of categorical) kinds[column(name, 'categorical')] = CATEGORY;
  for (const name of ignore) {
    const at = column(name, 'ignore');
    if (at === layout.label) throw wrong(file, 'ignore', name, 'another column than the label');
    kinds[at] = SKIPPED;
  }
}

/** Columns are what they were for the model, whatever they look like. */
function asTrained(layout: TableLayout, schema: TableSchema): void {
  const { names, kinds, label, file } = layout;
  kinds.fill(SKIPPED);
  for (const { name, kind } of schema.columns) {
    const at = names.indexOf(name);
    if (at < 0) throw noColumn(layout, name, schema);
    if (at === label) {
      const was = `in training the label was ${schema.label.name}`;
      throw wrong(file, 'label', name, 'a column that the model does not read', was);
    }
    layout.features.push(at);
    kinds[at] = kind === 'number' ? NUMBER : CATEGORY;
  }
  if (label >= 0) kinds[label] = hasTextClasses(schema) ? CATEGORY : NUMBER;
}

function noColumn(layout: TableLayout, name: string, { columns }: TableSchema): FusorError {
  const { file, names } = layout;
  const shown = columns
    .slice(0, 12)
    .map((column) => column.name)
    .join(', ');
  const mend = isNumbered(layout)
    ? `its first row is no header, and has ${counted(names.length, 'cell')}; the model reads ${columns.length}: ${shown}`
    : 'name the columns as they were in training';
  return new FusorError('ERR_DATA_FORMAT', [`there is no column "${name}"`, file, mend], { file });
}

/** Whether it has no header. */
export const isNumbered = ({ names }: TableLayout): boolean => names.every((name, i) => name === String(i));

/** Classes that are numbers are stored as these. */
export function hasTextClasses({ label: { classes = [], text } }: TableSchema): boolean {
  return text ?? classes.some((name) => Number.isNaN(numberOf(name)));
}

function checkNames(names: readonly string[], file: string): void {
  const refuse = (name: string, what: string, mend: string) =>
    new FusorError('ERR_DATA_FORMAT', [`the column "${name}" ${what}`, `${file}, the header`, mend], {
      file,
    });
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw refuse(twice, 'is there twice', 'rename one');
  const garbled = names.find((name) => name.includes('\ufffd'));
  if (garbled !== undefined) throw refuse(garbled, 'is no UTF-8', 'save the file as UTF-8');
}
