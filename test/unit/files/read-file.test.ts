import { appendFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FusorError } from '../../../src/errors';
import { withFile } from '../../../src/files/read-file';
import { failure } from '../../support/models';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
const file = join(root, 'file');
const missing = () => new FusorError('ERR_FILE_FORMAT', ['no such file', file, 'name another']);
beforeEach(() => writeFileSync(file, '0123456789'));

test('a part, and the whole', async () => {
  const read = await withFile(file, missing, async ({ size, read }) => [
    await read(2, 4),
    await read(0, size),
  ]);
  expect(read.map((bytes) => Buffer.from(bytes).toString())).toEqual(['23', '0123456789']);
});

test.each<[string, () => void]>([
  ['grows', () => appendFileSync(file, 'x')],
  ['is cut short before it is read', () => truncateSync(file, 3)],
])('a file that %s', async (_, change) => {
  const error = await failure(
    withFile(file, missing, async ({ size, read }) => {
      change();
      return read(0, size);
    }),
  );
  expect([error.code, error.message]).toEqual([
    'ERR_IO',
    expect.stringContaining('changed while it was read'),
  ]);
});

test('a file that vanishes while it is read is read', async () => {
  const bytes = await withFile(file, missing, async ({ size, read }) => {
    rmSync(file);
    return read(0, size);
  });
  expect(bytes).toHaveLength(10);
});

test('what is no file', async () => {
  expect((await failure(withFile(join(root, 'absent'), missing, async () => 0))).message).toContain(
    'no such file',
  );
  expect((await failure(withFile(root, missing, async () => 0))).message).toContain('no such file');
  const device = await failure(withFile('/dev/null', missing, async () => 0));
  expect(device.message).toContain('not a regular file · /dev/null');
});

test('more than memory holds', async () => {
  const error = await failure(withFile(file, missing, async ({ read }) => read(0, 2 ** 52)));
  expect(error).toMatchObject({ code: 'ERR_IO', message: expect.stringContaining('4503599627370496 bytes') });
});
