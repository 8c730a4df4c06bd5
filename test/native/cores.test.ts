/** The share of the processor that a container has: more threads than that are held back together. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run, temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';
import { engineTest } from './sanitized';

const obstacle = process.platform !== 'linux' && 'control groups are of Linux';

const folder = temporaryFolder();
let count = 0;

describeUnless(obstacle)('cores by control groups', () => {
  test.each<[string, Record<string, string>, number]>([
    ['no groups', {}, 0],
    ['version 2, no limit', { 'proc/self/cgroup': '0::/a', 'sys/fs/cgroup/a/cpu.max': 'max 100000' }, 0],
    ['a core and a half', { 'proc/self/cgroup': '0::/a', 'sys/fs/cgroup/a/cpu.max': '150000 100000' }, 2],
    [
      'the least of a group and those above it',
      {
        'proc/self/cgroup': '0::/a/b/c',
        'sys/fs/cgroup/a/cpu.max': '100000 100000',
        'sys/fs/cgroup/a/b/c/cpu.max': '400000 100000',
      },
      1,
    ],
    ['in a container', { 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': '300000 100000' }, 3],
    ['a tenth of a core', { 'proc/self/cgroup': '0::/', 'sys/fs/cgroup/cpu.max': '10000 100000' }, 1],
    [
      'version 1',
      {
        'proc/self/cgroup': '5:memory:/m\n4:cpu,cpuacct:/docker/x\n0::/a',
        'sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us': '200000',
        'sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us': '100000',
      },
      2,
    ],
    [
      'version 1, no limit',
      {
        'proc/self/cgroup': '4:cpu,cpuacct:/',
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1',
        'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000',
      },
      0,
    ],
    ['nonsense', { 'proc/self/cgroup': 'x\n::\n0::', 'sys/fs/cgroup/cpu.max': 'many few' }, 0],
  ])('%s', async (_, files, cores) => {
    const root = join(folder, String(count++));
    mkdirSync(root);
    for (const [name, content] of Object.entries(files)) {
      const file = join(root, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${content}\n`);
    }
    const { status, stdout } = await run(await engineTest(''), ['--cores', root]);
    expect([status, stdout.trim()]).toEqual([0, String(cores)]);
  });
});
