import fc from 'fast-check';
import { csvLayout } from '../../../src/data/table/layout';
import { isBadRow, parseBlock } from '../../../src/data/table/parse';

/** The block as it is read byte by byte, and as papaparse reads it where a quote is in it. */
test('both readers see the same numbers', () => {
  const number = fc.oneof(
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 }).map(String),
    fc.constantFrom(
      '.5',
      '5.',
      '-0',
      '+3',
      ' 7 ',
      '1e5',
      '0.1',
      '123456789012345678',
      '1E-3',
      '255',
      '00012',
    ),
  );
  const text = fc.constantFrom('a', 'b c', 'größe', '日本', ' x ');
  const row = fc.tuple(number, text, number).map((cells) => cells.join(','));
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 20 }),
      fc.constantFrom('\n', '\r\n'),
      (rows, end) => {
        const plain = `${rows.join(end)}${end}`;
        const layout = csvLayout('f', Buffer.from(`n,t,y\n1,a,2\n`), { label: 'y' });
        const read = (bytes: string) => parseBlock(new Uint8Array(Buffer.from(bytes)), layout);
        const [fast, slow] = [read(plain), read(`0,"a",0${end}${plain}`)];
        if (isBadRow(fast) || isBadRow(slow)) throw new Error(JSON.stringify([fast, slow]));
        const one = read(`0,a,0${end}${plain}`);
        expect(slow).toEqual(one);
        const wanted = rows.flatMap((line) => [Math.fround(Number(line.split(',')[0])) + 0]);
        expect(Array.from(fast.values, (value) => value + 0).filter((_, i) => i % 2 === 0)).toEqual(wanted);
        expect(fast.rows).toBe(rows.length);
      },
    ),
    { numRuns: 150 },
  );
});

/** As most large tables are: runs of zeros, integers of few digits, and now and then something else. */
test.each([',', ';', '\t'])('both readers see the same rows of small cells, separated by %j', (delimiter) => {
  const cell = fc.oneof(
    { weight: 12, arbitrary: fc.constant('0') },
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 999 }).map(String) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('', '00', '007', '1000', '0.5', '-0', '-12', ' 3', '4 ', '1:', '/2', 'x'),
    },
  );
  const row = fc.array(cell, { minLength: 23, maxLength: 23 });
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 6 }),
      fc.constantFrom('error', 'mean', 'drop'),
      fc.boolean(),
      (rows, missing, isText) => {
        const names = Array.from({ length: 23 }, (_, i) => `c${i}`);
        const head = [names, names.map((_, i) => (isText && i === 5 ? 'text' : '0'))];
        const layout = csvLayout('f', Buffer.from(head.map((line) => line.join(delimiter)).join('\n')), {
          label: 'c11',
          delimiter,
          missing,
          ignore: ['c7'],
        });
        const read = (lines: string[][]) =>
          parseBlock(
            new Uint8Array(Buffer.from(lines.map((line) => line.join(delimiter)).join('\n'))),
            layout,
          );
        // A quoted cell makes papaparse read all of them.
        const quoted = rows.map((line) => line.map((each, i) => (i === 7 ? `"${each}"` : each)));
        const withZeros = (result: ReturnType<typeof parseBlock>) =>
          isBadRow(result) ? result : { ...result, values: Array.from(result.values, (value) => value + 0) };
        expect(withZeros(read(rows))).toEqual(withZeros(read(quoted)));
      },
    ),
    { numRuns: 400 },
  );
});
