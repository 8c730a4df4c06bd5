import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { lockFolder } from '../../../src/files/lock';
import { failure } from '../../support/models';
import { repository, run, temporaryFolder } from '../../support/script';
import { testUnless } from '../../support/skip';

const root = temporaryFolder();
let folders = 0;
function fresh(lock?: unknown): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  if (lock !== undefined)
    writeFileSync(join(folder, 'lock'), typeof lock === 'string' ? lock : JSON.stringify(lock));
  return folder;
}
const holder = (folder: string) => JSON.parse(readFileSync(join(folder, 'lock'), 'utf8'));
const noProc = !existsSync('/proc/self/stat') && 'there is no /proc';

test('one at a time; free again after the release, which may come twice', async () => {
  const folder = fresh();
  const release = await lockFolder(folder);
  expect(holder(folder)).toMatchObject({ pid: process.pid, host: hostname() });
  expect(await failure(lockFolder(folder))).toMatchObject({
    code: 'ERR_LOCKED',
    message: `process ${process.pid} is training here · ${folder} · wait for its end, or name another folder`,
  });
  await release();
  await release();
  expect(readdirSync(folder)).toEqual([]);
  await (await lockFolder(folder))();
});

test.each<[string, unknown]>([
  ['a dead process', { pid: 99999999, started: '1', host: hostname() }],
  ['a lock that was never finished', ''],
  ['a lock that makes no sense', '{"pid":"x"}'],
])('%s: taken over', async (_name, lock) => {
  const folder = fresh(lock);
  const release = await lockFolder(folder);
  expect(holder(folder).pid).toBe(process.pid);
  expect(readdirSync(folder)).toEqual(['lock']);
  await release();
});

testUnless(noProc)('a number that now is another process’s, or ours: taken over', async () => {
  for (const pid of [process.ppid, process.pid]) {
    const folder = fresh({ pid, started: '1', host: hostname() });
    await (await lockFolder(folder))();
  }
});

test('a living process, and one on another machine, keep it', async () => {
  const living = fresh({ pid: process.ppid, started: null, host: hostname() });
  expect(await failure(lockFolder(living))).toMatchObject({
    code: 'ERR_LOCKED',
    details: { pid: process.ppid },
  });
  const elsewhere = fresh({ pid: 99999999, started: '1', host: 'elsewhere' });
  expect((await failure(lockFolder(elsewhere))).message).toMatch(
    /on elsewhere is training here.*if it is gone, delete/,
  );
});

test('of many who find the lock of a dead process, one gets it', async () => {
  const program = `
    const { readdirSync, writeFileSync } = require('node:fs');
    const { lockFolder } = require(${JSON.stringify(join(repository, 'dist/files/lock'))});
    const [folder, marks] = process.argv.slice(1);
    const mark = (what) => writeFileSync(marks + '/' + what + process.pid, '');
    const all = (what) => readdirSync(marks).filter((name) => name.startsWith(what)).length === 6;
    // Together: all wait until all are there.
    mark('ready');
    while (!all('ready'));
    lockFolder(folder).then(
      () => {
        console.log('got it');
        mark('done');
        // Held until all have tried.
        const timer = setInterval(() => all('done') && clearInterval(timer), 10);
      },
      (error) => { console.log(error.code); mark('done'); });`;
  for (let round = 0; round < 3; round++) {
    const folder = fresh({ pid: 99999999, started: '1', host: hostname() });
    const marks = fresh();
    const ran = await Promise.all(
      Array.from({ length: 6 }, () => run(process.execPath, ['-e', program, folder, marks])),
    );
    const said = ran.map(({ stdout }) => stdout.trim()).sort();
    expect(said).toEqual([...new Array(5).fill('ERR_LOCKED'), 'got it']);
  }
});
