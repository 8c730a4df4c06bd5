/** What is said of data before it trains: what it was taken for, and what is odd about it. */
import type { OwnData } from '../../data/open-table';
import { numberOf } from '../../data/table/cell';
import type { NumericArray, TableSchema } from '../../index';
import { thousands } from '../output';
import { inputShapeOf, outputsOf, rowsOf } from './data';
import type { KeptData } from './kept';

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

/** What is odd about the data, though it can be trained on. @param categorical columns that the user calls so */
export function oddities({ train, schema }: OwnData, categorical: readonly string[]): string[] {
  const mixed = (schema?.columns ?? []).flatMap((column) => {
    if (column.kind === 'number' || categorical.includes(column.name)) return [];
    const text = column.categories.filter((name) => Number.isNaN(numberOf(name)));
    if (text.length === 0 || text.length > column.categories.length / 2) return [];
    const shown = text.slice(0, 3).map((name) => JSON.stringify(name));
    return `warning: ${column.name} holds numbers, and ${shown.join(', ')}: so it became ${column.categories.length} categories; mend those cells, or empty them and say --missing; or say --categorical ${column.name}`;
  });
  const close = (schema?.columns ?? []).flatMap((column) => {
    if (column.kind === 'category') return [];
    const { name, mean, deviation } = column;
    const step = 2 ** (Math.floor(Math.log2(Math.abs(mean))) - 23);
    if (step < 2 || deviation >= CLOSE * step) return [];
    return `warning: ${name} has numbers of about ${mean.toPrecision(3)}, of which float32 has every ${step}th only: take a number near them from the column`;
  });
  if (!('x' in train)) return [...mixed, ...close];
  const { x, y } = train;
  const same = ({ data }: { data: NumericArray }) => data.every((value) => value === data[0]);
  return [
    ...mixed,
    ...close,
    same(x) && `warning: every pixel is ${x.data[0]}: there is nothing to learn from`,
    same(y) && `warning: every label is ${y.data[0]}: there is nothing to tell apart`,
  ].filter((line) => typeof line === 'string');
}
