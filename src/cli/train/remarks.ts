/** What is said of data before it trains: what it was taken for, and what is odd about it. */
import type { OwnData } from '../../data/open-table';
import { numberOf } from '../../data/table/cell';
import type { NumericArray, TableSchema } from '../../index';
import type { KeptData } from '../../io/kept-data';
import { thousands } from '../output';
import { inputShapeOf, outputsOf, rowsOf } from './data';

/** What data of the user's own was taken for, where nobody has said; or that a model has said it, by what was kept with that. */
export function described(data: OwnData, kept?: KeptData): string {
  const { schema, train, validation, test, folder } = data;
  const counts = [train, validation, test].map((rows) => (rows ? thousands(rowsOf(rows)) : '0'));
  const taken = schema ? tableTaken(schema, kept) : arraysTaken(data, kept);
  return `${folder}: ${taken}; rows to train, validate, test: ${counts.join(', ')}`;
}

function tableTaken(schema: TableSchema, kept: KeptData | undefined): string {
  const { columns, label, scale } = schema;
  const categories = columns.filter((column) => column.kind === 'category');
  const named = categories.slice(0, 5).map(({ name, categories: { length } }) => `${name} ${length}`);
  if (categories.length > named.length) named.push('…');
  const kinds = [
    `${thousands(columns.length - categories.length)} numbers`,
    categories.length > 0 && `${categories.length} categories (${named.join(', ')})`,
  ];
  const how =
    schema === kept?.schema
      ? ', as the model was trained on them'
      : { bytes: ', bytes / 255', standard: ', standardised', none: '' }[scale];
  const target = label.classes ? `${label.classes.length} classes` : 'a value';
  return `${kinds.filter(Boolean).join(' and ')}${how}, to predict ${target}, "${label.name}"`;
}

function arraysTaken({ train, classes, scale }: OwnData, kept: KeptData | undefined): string {
  const isBytes = 'x' in train && train.x.data[Symbol.toStringTag] === 'Uint8Array';
  const asTheyAre = isBytes ? 'bytes as they are: none is above 1' : 'as they are';
  const how = kept ? 'as the model takes them' : scale === undefined ? 'bytes / 255' : asTheyAre;
  const outputs = outputsOf(train);
  const target = classes > 0 ? `${classes} classes` : outputs === 1 ? 'a value' : `${outputs} values`;
  return `${inputShapeOf(train).join('x')} numbers a row, ${how}, to predict ${target}`;
}

/** Steps of float32 that a column has to differ by. */
const CLOSE = 16;

/** Names are odd where there are more of them, and each for less than two rows. */
const FEW = 20;

/** What is odd about the data, though it can be trained on. @param categorical columns that the user calls so */
export function oddities(data: OwnData, categorical: readonly string[]): string[] {
  const { train, schema } = data;
  const rows = [train, data.validation, data.test].reduce((sum, each) => sum + (each ? rowsOf(each) : 0), 0);
  const columns = (schema?.columns ?? []).map((column) => {
    if (column.kind === 'number') return oddNumbers(column);
    return !categorical.includes(column.name) && oddNames(column.name, column.categories, rows);
  });
  const { name = '', classes } = schema?.label ?? {};
  const label = classes && !categorical.includes(name) && oddClasses(name, classes, rows);
  const input = inputShapeOf(train).length > 1 ? 'pixel' : 'input';
  const inMemory = 'x' in train && [
    isSame(train.x) && `warning: every ${input} is ${train.x.data[0]}: there is nothing to learn from`,
    isSame(train.y) && `warning: every label is ${train.y.data[0]}: there is nothing to tell apart`,
  ];
  return [...columns, label, ...(inMemory || [])].filter((line) => typeof line === 'string');
}

const isSame = ({ data }: { data: NumericArray }) => data.every((value) => value === data[0]);

function oddNumbers({ name, mean, deviation }: { name: string; mean: number; deviation: number }) {
  const step = 2 ** (Math.floor(Math.log2(Math.abs(mean))) - 23);
  if (step < 2 || deviation >= CLOSE * step) return undefined;
  return `warning: ${name} has numbers of about ${mean.toPrecision(3)}, of which float32 has every ${step}th only: take a number near them from the column`;
}

function oddNames(name: string, categories: readonly string[], rows: number): string | undefined {
  const became = `became ${thousands(categories.length)} categories`;
  const text = categories.filter((each) => Number.isNaN(numberOf(each)));
  const written = text.filter(isDressed);
  if (2 * written.length > categories.length)
    return `warning: ${name} holds numbers written as ${quoted(written)}: so it ${became}; ${AS_NUMBERS}; or say --categorical ${name}`;
  if (text.length > 0 && 2 * text.length <= categories.length)
    return `warning: ${name} holds numbers, and ${quoted(text)}: so it ${became}; mend those cells, or empty them and say --missing; or say --categorical ${name}`;
  if (categories.length > FEW && 2 * categories.length > rows)
    return `warning: ${name} ${became} in ${thousands(rows)} rows: what names single rows teaches nothing about others; leave it out with --ignore ${name}, or say --categorical ${name}`;
  return undefined;
}

function oddClasses(name: string, classes: readonly string[], rows: number): string | undefined {
  const became = `became ${thousands(classes.length)} classes`;
  const written = classes.filter(isDressed);
  if (2 * written.length > classes.length)
    return `warning: the label ${name} holds numbers written as ${quoted(written)}: so it ${became}; to predict a value ${AS_NUMBERS}; or say --categorical ${name}`;
  if (classes.length > FEW && 2 * classes.length > rows)
    return `warning: the label ${name} ${became} in ${thousands(rows)} rows, too few of each to learn from: ${classes.every((each) => Number.isFinite(numberOf(each))) ? 'where it is a value, say --loss meanSquaredError' : 'name another with --label'}, or say --categorical ${name}`;
  return undefined;
}

const AS_NUMBERS =
  'write them as 1234.5, without %, currency and separators of thousands, or say --decimal , where commas are decimal points';

const quoted = (names: readonly string[]) =>
  names
    .slice(0, 3)
    .map((name) => JSON.stringify(name))
    .join(', ');

/** A number as people write it: 1,5 or 12 % or $1,234.50 or 1.234,50 €. */
function isDressed(cell: string): boolean {
  const bare = cell.replace(/[\s%$€£¥'’]/g, '');
  const continental = bare.includes(',') ? bare.replaceAll('.', '').replace(',', '.') : bare;
  return (
    Number.isNaN(numberOf(cell)) &&
    [bare.replaceAll(',', ''), continental].some((text) => Number.isFinite(numberOf(text)))
  );
}
