import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { repository, run } from '../support/script';
import { describeUnless } from '../support/skip';

const addon = join(repository, 'build/fusor.node');
const reason =
  (process.platform !== 'linux' && 'ldd and nm are Linux tools') ||
  (!existsSync(addon) && 'the native backend is not built');

describeUnless(reason)('build/fusor.node', () => {
  const record = () => JSON.parse(readFileSync(join(repository, 'build/fusor.json'), 'utf8'));

  test('takes every torch and c10 library from the recorded libtorch, whatever else is installed', async () => {
    const { libDir, libraries } = record();
    for (const env of [process.env, { ...process.env, LD_LIBRARY_PATH: '/usr/lib/x86_64-linux-gnu' }]) {
      const { stdout } = await run('ldd', [addon], { env });
      const found = [...stdout.matchAll(/^\s*(lib(?:torch|c10)\S*) => (\S+)/gm)];
      expect(found.length).toBeGreaterThanOrEqual(libraries.length);
      for (const [, , path] of found) expect(dirname(path)).toBe(libDir);
    }
  });

  test('exports the two entry points that Node looks up, nothing else', async () => {
    const { stdout } = await run('nm', ['-D', '--defined-only', addon]);
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1));
    expect(names.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });

  test('loads in a fresh process', async () => {
    const { status, stderr } = await run(process.execPath, ['-e', 'require(process.argv[1])', addon]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
