import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolders } from '../../../src/files/make-folders';
import { temporaryFolder } from '../../support/script';

const folder = temporaryFolder();

test('a folder and those above it, there or not', () => {
  const deep = join(folder, 'a', 'b', 'c');
  makeFolders(deep);
  makeFolders(deep);
  expect(statSync(deep).isDirectory()).toBe(true);
});

test.each([
  ['below a file', join(folder, 'file', 'a'), 'ENOTDIR'],
  ['where a file is', join(folder, 'file'), 'EEXIST'],
  // Node.js' own way to do it would not come back.
  ...(process.platform === 'linux' ? [['in /proc', '/proc/fusor/a', 'ENOENT']] : []),
])('%s: the system says why not', (_, path, code) => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeFolders(path)).toThrow(expect.objectContaining({ code }));
});
