/** Tables, arrays and folders of the user's own that are not as they should be. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { datasets, type OpenOptions } from '../../../src/index';
import { type BadInput, rows } from '../../support/bad-inputs';
import { writeFiles } from '../../support/data-sets';
import { npyBytes } from '../../support/npy';

export function badOwn(root: string): BadInput[] {
  let count = 0;
  const fresh = (name: string) => join(root, `own-${count++}-${name}`);
  const open = (name: string, content: string | Uint8Array, options?: OpenOptions) => () => {
    const file = fresh(name);
    writeFileSync(file, content);
    return datasets.open(file, options);
  };
  const csv = (content: string | Uint8Array, options: OpenOptions = { label: 'y' }) =>
    open('t.csv', content, options);
  const json = (content: string) => open('t.jsonl', content, { label: 'y' });
  const npy = (bytes: Uint8Array) =>
    open('t.npz', zipSync({ 'x.npy': bytes, 'y.npy': npyBytes('|u1', [2], Uint8Array.of(0, 1)) }));
  const good = npyBytes('<f4', [2, 2], Float32Array.of(1, 2, 3, 4));
  /** A bit of the first member's numbers. */
  const flipped = (archive: Uint8Array) => {
    const at = Buffer.from(archive).indexOf(good) + good.length - 2;
    return archive.with(at, archive[at] ^ 1);
  };
  const long = Array.from({ length: 1200 }, (_, i) => `${i},0`).join('\n');
  const FORMAT = 'ERR_DATA_FORMAT';
  const EMPTY = 'ERR_DATA_EMPTY';
  return rows([
    ['an empty table', csv(''), EMPTY, 't.csv', 'at least one'],
    ['a header alone', csv('a,y\n'), EMPTY, 'a header but no rows', 'at least one'],
    ['a row too short', csv('a,b,y\n1,2,3\n1,2\n'), FORMAT, 't.csv, line 3', '2 cells, the table has 3'],
    [
      'a row too long, after a quoted newline',
      csv('a,t,y\n1,"x\ny",3\n1,b,3,4\n'),
      FORMAT,
      't.csv, line 4',
      'mend the row',
    ],
    ['text among numbers, late', csv(`a,y\n${long}\nabc,1\n`), FORMAT, 't.csv, line 1202', '--categorical'],
    ['a number beyond float32', csv('a,y\n1,0\n1e39,1\n'), FORMAT, 'line 3', 'scale the column'],
    ['an empty cell', csv('a,y\n1,0\n,1\n'), FORMAT, 'line 3', '--missing mean|drop'],
    [
      'an empty label',
      csv('a,y\n1,0\n2,\n', { label: 'y', missing: 'mean' }),
      FORMAT,
      'line 3',
      '--missing drop',
    ],
    ['quotes that do not close', csv('a,t,y\n1,"x,3\n1,b,3\n'), FORMAT, 't.csv, line', 'quotes'],
    ['a column twice', csv('a,a,y\n1,2,3\n'), FORMAT, 'the header', 'rename one'],
    [
      'a column without values',
      csv('a,b,y\n1,,3.5\n2,,4.5\n', { label: 'y', missing: 'mean' }),
      EMPTY,
      '"b"',
      '--ignore',
    ],
    ['no label named', csv('a,y\n1,2\n', {}), 'ERR_ARG', 't.csv', '--label'],
    ['a label nearly', csv('a,price\n1,2\n', { label: 'prise' }), 'ERR_ARG', 't.csv', 'did you mean price?'],
    [
      'a column to ignore that is not there',
      csv('a,y\n1,2\n', { label: 'y', ignore: ['b'] }),
      'ERR_ARG',
      'ignore',
      'a, y',
    ],
    [
      'the label ignored',
      csv('a,y\n1,2\n', { label: 'y', ignore: ['y'] }),
      'ERR_ARG',
      't.csv',
      'another column',
    ],
    ['nothing but the label', csv('y\n1\n2\n'), FORMAT, 't.csv', 'at least one'],
    [
      'all labels equal',
      csv('a,y\n1,3\n2,3\n', { label: 'y', task: 'classification' }),
      'ERR_LABEL_RANGE',
      '"y"',
      'nothing to tell apart',
    ],
    [
      'text as a value',
      csv('a,y\n1,x\n2,z\n', { label: 'y', task: 'regression' }),
      'ERR_LABEL_RANGE',
      '"y"',
      'classes',
    ],
    [
      'a text of its own in each row',
      csv(
        `n,t,y\n${long
          .split('\n')
          .map((line, i) => `1,id${i},${line.split(',')[1]}`)
          .join('\n')}`,
      ),
      FORMAT,
      '"t"',
      '--ignore t',
    ],
    ['too few rows to split', csv('a,y\n1,0\n2,1\n', { label: 'y', test: 0.1 }), EMPTY, 't.csv', 'more rows'],
    [
      'bytes that are none',
      csv('a,y\n1.5,0\n2,1\n', { label: 'y', scale: 'bytes' }),
      'ERR_ARG',
      't.csv',
      'another scale',
    ],
    ['invalid UTF-8', csv(Buffer.from('t,n,y\n\xff\xfe,1,0\nb,1,1\n', 'latin1')), FORMAT, 'line 2', 'UTF-8'],
    ['NUL bytes', csv('a,y\n\0,1\n'), FORMAT, 't.csv', 'UTF-8'],
    ['a packed table', csv(gzipSync('a,y\n1,2\n')), FORMAT, 't.csv', 'gunzip'],
    ['a web page', csv('<!DOCTYPE html><p>'), FORMAT, 't.csv', 'name a table'],
    ['lines that end with CR', csv('a,y\r1,0\r2,1\r'), FORMAT, 't.csv', 'with LF'],
    [
      'a named pipe as a table',
      () => {
        const file = fresh('pipe.csv');
        execFileSync('mkfifo', [file]);
        return datasets.open(file, { label: 'y' });
      },
      FORMAT,
      'pipe.csv',
      'name a data file',
    ],
    ['an archive as a table', csv(zipSync({ a: Uint8Array.of(1) })), FORMAT, 't.csv', 'zip archive'],
    [
      'a line without an end',
      csv(`a,y\n${'1'.repeat(3_000_000)}`),
      FORMAT,
      't.csv',
      /table of text|no number|float32/,
    ],
    ['no JSON', json('{"a":1,"y":0}\n{"a":1,\n'), FORMAT, 'line 2', 'one object'],
    [
      'no JSON, further down',
      json(`${'{"a":1,"y":0}\n'.repeat(1499)}{"a":1,\n`),
      FORMAT,
      'line 1500',
      'one object',
    ],
    ['a list as a row', json('[1,2]\n'), FORMAT, 'line 1', 'one object'],
    ['an object in an object', json('{"a":{"b":1},"y":0}\n'), FORMAT, 'line 1', 'numbers and text'],
    ['a key that is new', json('{"a":1,"y":0}\n{"b":1,"y":0}\n'), FORMAT, 'line 2', 'the same keys'],
    ['an unknown ending', open('t.parquet', 'PAR1'), FORMAT, '.parquet', '.csv'],
    [
      'a file that is not there',
      () => datasets.open(join(root, 'none.csv'), { label: 'y' }),
      'ERR_DATA_MISSING',
      'none.csv',
      'check the path',
    ],
    [
      'the name of a data set',
      () => datasets.open('fashion-mnist'),
      'ERR_DATA_MISSING',
      'fashion-mnist',
      'datasets.fashionMnist()',
    ],
    ['a share of 1', csv('a,y\n1,2\n', { label: 'y', test: 1 }), 'ERR_ARG', 'test', 'below 1'],
    [
      'an option, nearly',
      csv('a,y\n1,2\n', { lable: 'y' } as never),
      'ERR_ARG',
      'datasets.open',
      'did you mean label?',
    ],
    ...(
      [
        ['task', 'regresion', 'did you mean regression?'],
        ['missing', 'skip', 'error, mean, drop'],
        ['scale', 1, 'auto, bytes, standard, none'],
        ['ignore', 'id', 'an array of names'],
        ['ignore', ['id', 5], 'ignore[1] must be some text'],
        ['categorical', null, 'an array of names'],
        ['delimiter', ';;', 'one character'],
        ['delimiter', '；', 'one character'],
        ['schema', {}, 'the schema of a table'],
        ['stream', 'yes', 'true or false'],
        ['imageSize', [28], '[height, width]'],
        ['classes', 2.5, 'an integer'],
        ['dataDir', 5, 'some text'],
      ] as const
    ).map(
      ([key, value, words]) =>
        [
          `${key} ${JSON.stringify(value)}`,
          csv('a,y\n1,2\n', { label: 'y', [key]: value } as never),
          'ERR_ARG',
          'datasets.open',
          words,
        ] as const,
    ),
    [
      'objects of numpy',
      npy(npyBytes('|O', [2, 2], Float32Array.of(1, 2, 3, 4))),
      'ERR_DATA_DTYPE',
      'x.npy',
      'astype("float32") where they are numbers; number names',
    ],
    ['text', npy(npyBytes('<U1', [2], Int32Array.of(97, 98))), 'ERR_DATA_DTYPE', '<U1', 'np.unique(names'],
    ['complex', npy(npyBytes('<c8', [1], Float32Array.of(1, 2))), 'ERR_DATA_DTYPE', '<c8', 'x.real, x.imag'],
    ['float16', npy(npyBytes('<f2', [2, 2], Float32Array.of(1, 2))), 'ERR_DATA_DTYPE', '<f2', 'astype'],
    ['an array cut short', npy(good.slice(0, -1)), 'ERR_DATA_TRUNCATED', 'x.npy', 'anew'],
    [
      'an array of 10²⁰ rows',
      npy(npyBytes('<f4', [99999999999, 999999999], Float32Array.of(1))),
      'ERR_DATA_TRUNCATED',
      'x.npy',
      'anew',
    ],
    ['an array of nothing', npy(npyBytes('<f4', [0, 2], new Float32Array())), EMPTY, '[0,2]', 'at least one'],
    [
      'more rows than labels',
      npy(npyBytes('<f4', [3, 1], Float32Array.of(1, 2, 3))),
      'ERR_DATA_MISMATCH',
      't.npz',
      '[rows',
    ],
    ['a version of numpy to come', npy(good.with(6, 4)), FORMAT, 'x.npy', 'anew'],
    [
      'a byte that has changed',
      open('t.npz', flipped(zipSync({ 'x.npy': good, 'y.npy': good }, { level: 0 }))),
      FORMAT,
      't.npz',
      'save it anew',
    ],
    ['no zip', open('t.npz', 'PK\x03\x04 and no more'), FORMAT, 't.npz', 'np.savez'],
    [
      'an archive of no arrays',
      open('t.npz', zipSync({ 'a.txt': Uint8Array.of(1) })),
      EMPTY,
      't.npz',
      'np.savez',
    ],
    ['an archive without y', open('t.npz', zipSync({ 'a.npy': good })), FORMAT, 't.npz', 'x_train'],
    ['an array without labels', open('t.npy', good), 'ERR_ARG', 'labels', '--label FILE'],
    [
      'a folder of one class',
      () => datasets.open(writeFiles(fresh('images'), { 'cat/1.png': 'x' })),
      EMPTY,
      'images',
      'two classes',
    ],
    [
      'a class without images',
      () => {
        const folder = writeFiles(fresh('images'), { 'cat/1.png': 'x' });
        mkdirSync(join(folder, 'dog'));
        return datasets.open(folder);
      },
      EMPTY,
      '"dog"',
      'at least one image',
    ],
  ]);
}
