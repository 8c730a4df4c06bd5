/**
 * The Large Movie Review Dataset (Maas et al., "Learning word vectors for sentiment analysis", ACL 2011): reviews as the
 * words in them, from labeledBow.feat: a line "rating word:count word:count …" for each review, words numbered from 0 as in
 * imdb.vocab.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { integer } from '../arguments';
import { FusorError } from '../errors';
import { requireMemory } from '../memory';
import { setDigest, sha256 } from './digests';
import { type LabelledReviews, type LoadOptions, type ReviewDataset, rowLimit } from './entry';
import { readPlain } from './unpack';

export const IMDB_FILES = ['imdb.vocab', 'train/labeledBow.feat', 'test/labeledBow.feat'];

export function isImdbFolder(folder: string): boolean {
  return IMDB_FILES.every((file) => existsSync(join(folder, file)));
}

/**
 * x uint8 [reviews, words], 1 where the review has the word; y 1 for a good review (rating ≥ 7), 0 for a bad one (≤ 4).
 * @param options words: that many columns, of the words that are most frequent in training, most frequent first
 * @throws ERR_DATA_FORMAT, ERR_LABEL_RANGE, ERR_TOKEN_RANGE naming the line
 */
export function loadImdb(
  name: string,
  folder: string,
  options: LoadOptions & { words?: number } = {},
): ReviewDataset {
  const limit = rowLimit(options.limit);
  const [vocabulary, train, test] = IMDB_FILES.map((file) => readWhole(join(folder, file)));
  const all = Buffer.from(vocabulary.bytes).toString('utf8').split(/\r?\n/).filter(Boolean);
  const words = integer('imdb', 'words', options.words, {
    min: 1,
    max: all.length,
    fallback: Math.min(10_000, all.length),
  });
  const trainReviews = parseReviews(train, all.length);
  const columns = mostFrequent(trainReviews.totals, words);
  const column = new Int32Array(all.length).fill(-1);
  columns.forEach((word, i) => {
    column[word] = i;
  });
  const testReviews = parseReviews(test, all.length);
  const sums = [vocabulary, train, test].map(({ bytes }, i) => ({
    name: IMDB_FILES[i],
    sha256: sha256(bytes),
  }));
  return {
    name,
    train: multiHot(trainReviews, column, words, limit, train.file),
    test: multiHot(testReviews, column, words, limit, test.file),
    sha256: setDigest(sums),
    classes: 2,
    classNames: ['negative', 'positive'],
    scale: 1,
    words: Array.from(columns, (word) => all[word]),
    folder,
  };
}

interface Whole {
  file: string;
  bytes: Uint8Array;
}

function readWhole(file: string): Whole {
  const bytes = readPlain(file, 'text');
  if (bytes.length > 0) return { file, bytes };
  throw new FusorError('ERR_DATA_EMPTY', ['the file is empty', file, 'fetch it anew'], { file });
}

interface Reviews {
  labels: number[];
  /** Words of all reviews, one after the other; those of review r begin at starts[r]. */
  words: Int32Array;
  starts: number[];
  /** How often each word was counted. */
  totals: Float64Array;
}

const [TAB, NEWLINE, RETURN, SPACE, ZERO, COLON] = [9, 10, 13, 32, 48, 58];
const BLANK = [TAB, NEWLINE, RETURN, SPACE];

function parseReviews({ file, bytes: all }: Whole, vocabulary: number): Reviews {
  // Whatever empty lines there are after the last review.
  const bytes = all.subarray(0, all.findLastIndex((byte) => !BLANK.includes(byte)) + 1);
  const labels: number[] = [];
  const starts: number[] = [];
  const totals = new Float64Array(vocabulary);
  // A word takes four bytes at least: "0:1 ".
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  let count = 0;
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const refuse = (what: string) =>
    new FusorError(
      'ERR_DATA_FORMAT',
      [what, `${file}, line ${labels.length + 1}`, 'delete it, and fetch the file anew'],
      {
        file,
        line: labels.length + 1,
      },
    );
  const number = (): number => {
    const begin = at;
    let value = 0;
    for (; bytes[at] >= ZERO && bytes[at] < COLON; at++) value = value * 10 + bytes[at] - ZERO;
    if (at === begin || at - begin > 15) throw refuse(`no number but ${shown(bytes, begin)}`);
    return value;
  };
  const skipBlanks = () => {
    while (bytes[at] === SPACE || bytes[at] === TAB || bytes[at] === RETURN) at++;
  };
  while (at < bytes.length) {
    const line = labels.length + 1;
    skipBlanks();
    const rating = number();
    if (!(rating >= 1 && rating <= 10 && (rating <= 4 || rating >= 7)))
      throw new FusorError(
        'ERR_LABEL_RANGE',
        [
          `rating ${rating}, expected 1 … 4 or 7 … 10`,
          `${file}, line ${line}`,
          'delete it, and fetch the file anew',
        ],
        { file, line, value: rating },
      );
    starts.push(count);
    for (skipBlanks(); at < bytes.length && bytes[at] !== NEWLINE; skipBlanks()) {
      const word = number();
      if (bytes[at] !== COLON) throw refuse(`no ":" but ${shown(bytes, at)}`);
      at++;
      const times = number();
      if (word >= vocabulary)
        throw new FusorError(
          'ERR_TOKEN_RANGE',
          [
            `word ${word}, the vocabulary has ${vocabulary}`,
            `${file}, line ${line}`,
            'take all files from the same set',
          ],
          { file, line, value: word, vocabulary },
        );
      words[count++] = word;
      totals[word] += times;
    }
    at++;
    labels.push(rating >= 7 ? 1 : 0);
  }
  starts.push(count);
  return { labels, words, starts, totals };
}

const shown = (bytes: Uint8Array, at: number) =>
  at < bytes.length ? JSON.stringify(Buffer.from(bytes.subarray(at, at + 12)).toString('latin1')) : 'the end';

/** Of equals, the one with the lower number first. */
function mostFrequent(totals: Float64Array, count: number): Uint32Array {
  return Uint32Array.from(totals.keys())
    .sort((a, b) => totals[b] - totals[a] || a - b)
    .subarray(0, count);
}

function multiHot(
  { labels, words, starts }: Reviews,
  column: Int32Array,
  width: number,
  limit: number,
  file: string,
): LabelledReviews {
  const rows = Math.min(limit, labels.length);
  if (rows === 0)
    throw new FusorError('ERR_DATA_EMPTY', ['no reviews', file, 'delete it, and fetch the file anew'], {
      file,
    });
  requireMemory(rows * width, 'the reviews', file, 'take fewer words, or a part of the rows (limit)');
  // Good and bad reviews come in blocks: a part of them takes from both.
  const order =
    rows < labels.length ? alternating(labels).subarray(0, rows) : Uint32Array.from(labels.keys());
  const x = new Uint8Array(rows * width);
  order.forEach((review, row) => {
    for (let i = starts[review]; i < starts[review + 1]; i++)
      if (column[words[i]] >= 0) x[row * width + column[words[i]]] = 1;
  });
  const y = Uint8Array.from(order, (review) => labels[review]);
  return { x: { data: x, shape: [rows, width] }, y: { data: y, shape: [rows] } };
}

/** 0, 1, 0, 1 … as long as there are both. */
function alternating(labels: readonly number[]): Uint32Array {
  const seen = [0, 0];
  const keys = labels.map((label) => 2 * seen[label]++ + label);
  return Uint32Array.from(labels.keys()).sort((a, b) => keys[a] - keys[b]);
}
