import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { removeStaleTemps, writeAtomic } from '../../../src/files/atomic';
import { failAt } from '../../support/faults';
import { temporaryFolder } from '../../support/script';

const root = temporaryFolder();
let count = 0;
function fresh(): string {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  return folder;
}

afterEach(() => jest.restoreAllMocks());

test('write, flush, rename, flush the folder: in this order', async () => {
  const folder = fresh();
  const { calls } = failAt(0, '');
  await writeAtomic(join(folder, 'a.json'), 'one', Buffer.from(' two'));
  const temp = `.a.json.${process.pid}.tmp`;
  const name = basename(folder);
  expect(calls).toEqual([
    `open ${temp}`,
    `writeFile ${temp}`,
    `writeFile ${temp}`,
    `sync ${temp}`,
    `close ${temp}`,
    'rename a.json',
    `open ${name}`,
    `sync ${name}`,
    `close ${name}`,
  ]);
  expect(readFileSync(join(folder, 'a.json'), 'utf8')).toBe('one two');
  expect(readdirSync(folder)).toEqual(['a.json']);
});

test.each(['ENOSPC', 'EIO', 'EDQUOT', 'EROFS', 'EMFILE'])(
  '%s at each call: ERR_IO, a whole file, no temp file',
  async (code) => {
    for (let fatal = 1; ; fatal++) {
      const folder = fresh();
      const file = join(folder, 'a.json');
      writeFileSync(file, 'old');
      const { calls } = failAt(fatal, code);
      const error = await writeAtomic(file, 'new', '!').then(
        () => undefined,
        (reason) => reason,
      );
      jest.restoreAllMocks();
      if (!error) {
        // The run that nothing touched.
        expect(calls.length).toBe(fatal - 1);
        expect(readFileSync(file, 'utf8')).toBe('new!');
        return;
      }
      expect(error).toMatchObject({ code: 'ERR_IO', details: { path: file, system: code } });
      expect(error.message).toContain(code);
      const renamed = calls.slice(0, fatal - 1).includes('rename a.json');
      expect(readFileSync(file, 'utf8')).toBe(renamed ? 'new!' : 'old');
      expect(readdirSync(folder)).toEqual(['a.json']);
    }
  },
);

test('temp files of the dead are removed, those of the living and other files stay', async () => {
  const folder = fresh();
  // Beyond any process id of Linux.
  const names = ['.a.json.99999999.tmp', `.b.json.${process.pid}.tmp`, 'c.tmp', '.d.tmp', '.e.json.1x.tmp'];
  for (const name of names) writeFileSync(join(folder, name), '');
  await removeStaleTemps(folder);
  expect(readdirSync(folder).sort()).toEqual(names.slice(1).sort());
  await removeStaleTemps(join(folder, 'absent'));
  expect(existsSync(join(folder, 'absent'))).toBe(false);
});
