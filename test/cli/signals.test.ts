import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadCheckpoint } from '../../src/runs/checkpoint-folder';
import { BACKENDS, documentOf, finished, fusor, startCli, WASM } from '../support/cli';
import { localServer } from '../support/local-server';
import { repository, run, temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

const cwd = temporaryFolder();
const long = ['train', '--limit', '2000', '--epochs', '100000', '--layers', '32', '--seed', '7'];

/** Resolves when the child has said `words` on stderr. */
function said(child: ChildProcess, words: string): Promise<void> {
  let text = '';
  return new Promise((done, fail) => {
    child.stderr!.on('data', (chunk) => {
      text += chunk;
      if (text.includes(words)) done();
    });
    child.once('close', () => fail(new Error(`it ended before it said ${words}: ${text}`)));
  });
}

describe.each(BACKENDS)('on %s', (name, flags, obstacle) => {
  describeUnless(obstacle)('a signal while training', () => {
    test.each([
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const)('%s: the model is saved and the status is %i, within 2 s', async (signal, status) => {
      const runDir = join(cwd, `${name} ${signal}`);
      const child = startCli([...long, ...flags, '--json', '--run-dir', runDir], { cwd });
      const end = finished(child);
      await said(child, 'Epoch 2/');
      const began = performance.now();
      child.kill(signal);
      const ran = await end;
      expect(performance.now() - began).toBeLessThan(2000);
      expect(ran.status).toBe(status);
      const { error } = documentOf(ran);
      expect(error).toMatchObject({ code: signal, details: { runDir } });
      const epochs = readFileSync(join(runDir, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
      expect(epochs).toHaveLength(error.details.epochs);
      const evaluated = documentOf(
        await fusor(['evaluate', runDir, '--json', '--limit', '1000', ...flags], { cwd }),
      );
      expect(evaluated.test.accuracy).toBeGreaterThan(0.5);
    });

    test('a second one ends it at once, without a half model', async () => {
      const runDir = join(cwd, `${name} twice`);
      const child = startCli([...long, ...flags, '--run-dir', runDir], { cwd });
      const end = finished(child);
      await said(child, 'Epoch 1/');
      child.kill('SIGINT');
      child.kill('SIGINT');
      setTimeout(() => child.kill('SIGINT'), 5);
      expect((await end).status).toBe(130);
      if (existsSync(join(runDir, 'model', 'model.json'))) {
        expect((await fusor(['inspect', runDir], { cwd })).status).toBe(0);
      }
    });
  });
});

test('a signal before training ends it at once', async () => {
  const child = startCli(['devices'], { cwd });
  const end = finished(child);
  await new Promise((done) => setTimeout(done, 250));
  child.kill('SIGTERM');
  const { status, signal, milliseconds } = await end;
  // By our handler, or, had it not been set yet, by the signal itself.
  expect([143, 'SIGTERM']).toContain(status ?? signal);
  expect(milliseconds).toBeLessThan(2000);
});

describe('a signal while data is fetched', () => {
  let arrived = () => {};
  const asked = new Promise<void>((done) => {
    arrived = done;
  });
  const mirror = localServer(() => arrived());

  test('is the one document', async () => {
    const args = ['data', 'fetch', 'fashion-mnist', '--data-dir', 'none', '--mirror', mirror.url, '--json'];
    const child = startCli(args, { cwd });
    const end = finished(child);
    await asked;
    child.kill('SIGTERM');
    const ran = await end;
    expect(ran.status).toBe(143);
    expect(documentOf(ran)).toEqual({
      error: { code: 'SIGTERM', message: 'interrupted by SIGTERM', details: {} },
    });
  });
});

describe('a reader that goes away', () => {
  test('of a result: a quiet end', async () => {
    const child = startCli(['data', 'list'], { cwd });
    child.stdout!.destroy();
    expect(await finished(child)).toMatchObject({ status: 0, stderr: '' });
  });

  test('of the progress: training stops and keeps the model', async () => {
    const runDir = join(cwd, 'pipe');
    const child = startCli([...long, ...WASM, '--run-dir', runDir], { cwd });
    const end = finished(child);
    await said(child, 'Epoch 2/');
    child.stderr!.destroy();
    expect((await end).status).toBe(141);
    expect((await fusor(['inspect', runDir], { cwd })).status).toBe(0);
    expect((await loadCheckpoint(runDir)).epoch).toBeGreaterThan(0);
  });

  test('progress that finds no room on a disk: training goes on', async () => {
    const program = 'exec "$0" "$@" 2>/dev/full';
    const script = join(repository, 'scripts', 'fusor.mjs');
    const words = [
      'train',
      '--limit',
      '400',
      '--epochs',
      '2',
      ...WASM,
      '--run-dir',
      join(cwd, 'full'),
      '--json',
    ];
    const ran = await run('bash', ['-c', program, process.execPath, script, ...words], { cwd });
    expect(ran.status).toBe(0);
    expect(JSON.parse(ran.stdout).history).toHaveLength(2);
  });

  test('`2>&1 | head`: quiet, too', async () => {
    const program = 'set -o pipefail; "$0" "$@" 2>&1 | head -n 2';
    const script = join(repository, 'scripts', 'fusor.mjs');
    const words = [...long, ...WASM, '--run-dir', join(cwd, 'head')];
    const ran = await run('bash', ['-c', program, process.execPath, script, ...words], { cwd });
    expect([ran.status, ran.stderr]).toEqual([141, '']);
    expect(ran.stdout.trimEnd().split('\n')).toHaveLength(2);
  });
});
