import { table } from '../../../src/cli/output';

test('a table of any number of rows', () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => [String(i), 'x']);
  const lines = table(['row', 'class'], rows, [0]).split('\n');
  expect(lines.slice(0, 3)).toEqual(['   row  class', '──────  ─────', '     0  x']);
  expect(lines.at(-1)).toBe('199999  x');
});
