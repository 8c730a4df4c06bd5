import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { probeInChild } from '../../../src/backend/probe';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'fusor-probe-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Probes a module whose probeHere has this body. */
function probe(body: string, timeoutMs = 30_000, top = '') {
  const file = path.join(folder, `${Math.random().toString(36).slice(2)}.js`);
  writeFileSync(file, `${top}\nexports.probeHere = async () => { ${body} };`);
  return probeInChild(file, timeoutMs, [
    { engine: 'libtorch', device: 'cpu' },
    { engine: 'libtorch', device: 'cuda' },
  ]);
}

const usable = {
  engine: 'libtorch',
  device: 'cpu',
  deviceName: 'chip',
  usable: true,
  reason: '',
  cure: '',
  versions: { torch: '2' },
};

test('what the child finds comes back', async () => {
  expect(await probe(`return [${JSON.stringify(usable)}];`)).toEqual([usable]);
});

test('it is another process, and does not outlive its answer', async () => {
  const candidates = await probe(`setInterval(() => {}, 1000); return [{ pid: process.pid }];`);
  const { pid } = candidates[0] as unknown as { pid: number };
  expect(pid).not.toBe(process.pid);
  let alive = true;
  for (let i = 0; i < 200 && alive; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    try {
      process.kill(pid, 0);
    } catch {
      alive = false;
    }
  }
  expect(alive).toBe(false);
});

test.each([
  ['a segfault', "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {});", 'killed by SIGSEGV'],
  ['an abort', 'process.abort();', 'killed by SIGABRT'],
  ['an exit', 'process.exit(3);', 'ended with status 3'],
  ['an error', "throw new Error('libtorch.so: no such file');", 'libtorch.so: no such file'],
  [
    'an end without an answer',
    'await new Promise(() => {}).finally(process.disconnect());',
    'ended with status',
  ],
])('%s makes every subject unusable, with the reason', async (_name, body, reason) => {
  const candidates = await probe(body, 20_000);
  expect(candidates.map(({ engine, device, usable: can }) => [engine, device, can])).toEqual([
    ['libtorch', 'cpu', false],
    ['libtorch', 'cuda', false],
  ]);
  for (const candidate of candidates) {
    expect(candidate.reason).toContain(reason);
    expect(candidate.cure).not.toBe('');
  }
});

test('what the child said last on stderr is part of the reason', async () => {
  const candidates = await probe("require('node:fs').writeSync(2, 'terminate called\\n'); process.abort();");
  expect(candidates[0].reason).toContain('SIGABRT: terminate called');
});

test('a module that cannot be loaded', async () => {
  const candidates = await probe('', 20_000, "require('./missing.node');");
  expect(candidates[0].reason).toContain("Cannot find module './missing.node'");
  expect(candidates[0].reason).not.toContain('\n');
});

test('a hang is ended', async () => {
  const begin = performance.now();
  const candidates = await probe('for (;;) {}', 700);
  expect(candidates[0].reason).toBe('the probe gave no answer within 0.7 s');
  expect(performance.now() - begin).toBeLessThan(5000);
});
