/** The options of `datasets.open`, checked before anything is opened. */
import { boolean, closed, integer, oneOf, range, real, seedOf, text, wrong } from '../arguments';
import type { ImageFolderOptions } from './image-folder';
import type { OpenTableOptions } from './open-table';
import { checkShares } from './split';
import { isTableSchema } from './table/schema';

export type OpenOptions = OpenTableOptions &
  ImageFolderOptions & {
    /** Of a folder of IDX files or of arrays: how many classes there are, where not all are in it. */
    classes?: number;
    /** Of a folder of images: the classes in their order, where not all are in it; by default its folders, sorted. */
    classNames?: readonly string[];
  };

const KEYS = [
  'label',
  'task',
  'ignore',
  'categorical',
  'missing',
  'delimiter',
  'decimal',
  'schema',
  'scale',
  'validation',
  'test',
  'seed',
  'limit',
  'stream',
  'dataDir',
  'imageSize',
  'classes',
  'classNames',
] as const;
const CHOICES = {
  task: ['classification', 'regression'],
  missing: ['error', 'mean', 'drop'],
  decimal: ['.', ','],
  scale: ['auto', 'bytes', 'standard', 'none'],
} as const;

/** @throws ERR_ARG */
export function openOptions(where: string, options: unknown): OpenOptions {
  const given = closed<OpenOptions>(where, options, KEYS);
  const check = <K extends keyof OpenOptions>(keys: readonly K[], of: (key: K, value: unknown) => void) => {
    for (const key of keys) if (given[key] !== undefined) of(key, given[key]);
  };
  check(['validation', 'test'], (key, value) => real(where, key, value, 0, range.fraction));
  const { validation = 0, test = 0 } = given;
  checkShares(where, validation, test);
  check(['label', 'dataDir'], (key, value) => text(where, key, value));
  check(['task', 'missing', 'decimal', 'scale'], (key, value) =>
    oneOf<string>(where, key, value, CHOICES[key]),
  );
  check(['ignore', 'categorical', 'classNames'], (key, value) => {
    if (!Array.isArray(value)) throw wrong(where, key, value, 'an array of names');
    // A column may well have no name: numpy's and pandas' index.
    const odd = value.findIndex((name) => typeof name !== 'string');
    if (odd >= 0) throw wrong(where, `${key}[${odd}]`, value[odd], 'some text');
  });
  check(['delimiter'], (key, value) => {
    const isOne = typeof value === 'string' && /^[ -~\t]$/.test(value) && !/["0-9.+-]/.test(value);
    if (!isOne) throw wrong(where, key, value, 'one character of ASCII that is in no number, and no quote');
  });
  check(['schema'], (key, value) => {
    if (!isTableSchema(value)) throw wrong(where, key, value, 'the schema of a table that was opened');
  });
  check(['seed'], (_, value) => seedOf(where, value));
  check(['limit', 'classes'], (key, value) =>
    integer(where, key, value, { min: 1, max: Number.MAX_SAFE_INTEGER }),
  );
  check(['stream'], (key, value) => boolean(where, key, value, false));
  check(['imageSize'], (key, value) => {
    const [height, width, ...more] = Array.isArray(value) ? value : [];
    const isSide = (side: unknown) =>
      Number.isInteger(side) && (side as number) >= 1 && (side as number) <= 65535;
    if (!isSide(height) || !isSide(width) || more.length > 0)
      throw wrong(where, key, value, '[height, width], integers from 1 to 65535');
  });
  return given;
}
