import { Output, table } from '../../../src/cli/output';

test('a table of any number of rows', () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => [String(i), 'x']);
  const lines = table(['row', 'class'], rows, [0]).split('\n');
  expect(lines.slice(0, 3)).toEqual(['   row  class', '──────  ─────', '     0  x']);
  expect(lines.at(-1)).toBe('199999  x');
});

test('codes that move a cursor are written out, in notes and tables', () => {
  expect(table(['a\x1b[2J'], [['b\nc']])).toBe('a\\u001b[2J\n──────────\nb\\u000ac');
  const write = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  new Output(false, false).note('one\ntwo \x1b[2J\r');
  expect(write.mock.calls).toEqual([['one\ntwo \\u001b[2J\\u000d\n']]);
  write.mockRestore();
});

test('columns are as wide as what they show', () => {
  const lines = table(
    ['name', 'n'],
    [
      ['東京', '1'],
      ['e\u0301a', '22'],
      ['ab', '333'],
    ],
    [1],
  ).split('\n');
  expect(lines).toEqual(['name    n', '────  ───', '東京    1', 'e\u0301a     22', 'ab    333']);
});
