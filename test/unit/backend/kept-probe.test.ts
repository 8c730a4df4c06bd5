import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inChild, repository, temporaryFolder } from '../../support/script';
import { describeUnless } from '../../support/skip';

const provider = join(repository, 'dist', 'backend', 'native', 'provider.js');
const built = existsSync(join(repository, 'build', 'fusor.node'));

describeUnless(!built && 'the native backend is not built')('what a probe found of the processor', () => {
  const cache = temporaryFolder();
  const bystander = join(cache, 'library.so');

  /** In a process of its own, as a command would. */
  function nameOfCpu({ fresh = false, env = {} } = {}): string {
    const code = `require(${JSON.stringify(provider)}).provider.probe('auto', ${fresh})
      .then((candidates) => console.log(JSON.stringify(candidates.at(-1).deviceName)))`;
    return inChild(code, { FUSOR_CACHE: cache, ...env });
  }

  const files = () => readdirSync(join(cache, 'probes')).map((name) => join(cache, 'probes', name));

  /** Changes what was kept, to be told from what is found, and names one more file that was loaded. */
  function mark(): void {
    writeFileSync(bystander, '');
    utimesSync(bystander, 1000, 1000);
    for (const file of files()) {
      const kept = JSON.parse(readFileSync(file, 'utf8'));
      kept.candidates[0].deviceName = 'kept';
      kept.files[bystander] = `0 1000000 ${statSync(bystander).ino}`;
      writeFileSync(file, JSON.stringify(kept));
    }
  }

  test('is not looked for again while nothing has changed', () => {
    const found = nameOfCpu();
    expect(found).toMatch(/core/);
    expect(files()).toHaveLength(1);
    mark();
    expect(nameOfCpu()).toBe('kept');
    expect(nameOfCpu({ env: { LD_BIND_NOW: '1' } })).toBe(found);
    expect(nameOfCpu({ fresh: true })).toBe(found);
    // The fresh look was kept.
    expect(nameOfCpu()).toBe(found);
  });

  test('is looked for again when a file that was loaded has changed, or is gone', () => {
    mark();
    expect(nameOfCpu()).toBe('kept');
    utimesSync(bystander, 2000, 2000);
    expect(nameOfCpu()).toMatch(/core/);
    mark();
    rmSync(bystander);
    expect(nameOfCpu()).toMatch(/core/);
  });

  test('is looked for again when what was kept is damaged', () => {
    for (const text of ['', '{', '{}', 'null', '{"files":{}}']) {
      for (const file of files()) writeFileSync(file, text);
      expect(nameOfCpu()).toMatch(/core/);
    }
  });
});
