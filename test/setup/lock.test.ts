/** The locks hold every package of every platform: `npm ci` takes them as they are, and so leaves a clone unchanged. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository, run, temporaryFolder, writeTree } from '../support/script';

const FLAGS = ['--dry-run', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'];
const read = (folder: string, name: string) => readFileSync(join(repository, folder, name), 'utf8');
const scratch = temporaryFolder();
let count = 0;

/** What npm says of this pair, with neither a network nor anything that it kept. */
function npmCi(folder: string, lock: string) {
  const files = { 'package.json': read(folder, 'package.json'), 'package-lock.json': lock };
  const cwd = writeTree(join(scratch, String(count++)), files);
  const args = ['ci', ...FLAGS, '--cache', join(cwd, 'cache')];
  const { npm_execpath: npm } = process.env;
  return npm ? run(process.execPath, [npm, ...args], { cwd }) : run('npm', args, { cwd });
}

test.each(['.', 'scripts/tfjs'])('%s/package-lock.json is what npm ci wants', async (folder) => {
  const { status, stderr } = await npmCi(folder, read(folder, 'package-lock.json'));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('a lock without the packages of another platform is refused', async () => {
  const lock = JSON.parse(read('.', 'package-lock.json'));
  const other = process.platform === 'win32' ? 'linux' : 'win32';
  const foreign = Object.keys(lock.packages).filter((name) => name.startsWith('node_modules/@biomejs/cli-'));
  for (const name of foreign.filter((name) => name.includes(other))) delete lock.packages[name];
  const { status, stderr } = await npmCi('.', JSON.stringify(lock));
  expect(status).not.toBe(0);
  expect(stderr).toMatch(new RegExp(`Missing: @biomejs/cli-${other}`));
});
