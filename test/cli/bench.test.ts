import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { OPS } from '../../src/bench/work';
import { documentOf, finished, fusor, startCli } from '../support/cli';
import { repository, temporaryFolder } from '../support/script';
import { testUnless } from '../support/skip';

const cwd = temporaryFolder();
const native = testUnless(
  existsSync(join(repository, 'build', 'fusor.node')) ? null : 'the native backend is not built',
);

const SMALL = ['--shapes', '5x33x17', '-w', '0', '-r', '2', '--threads', '1'];

native('kernel: every operation and every variant computes the same, and says how fast', async () => {
  const variants = ['fused', 'fused-scalar', 'aten', 'onednn'];
  const args = [
    'bench',
    'kernel',
    ...SMALL,
    '--op',
    OPS.join(','),
    '--variants',
    variants.join(','),
    '--json',
  ];
  const report = documentOf(
    await fusor(args, { cwd, env: { OPENBLAS_CORETYPE: 'Haswell', OMP_PROC_BIND: 'false' } }),
  );
  expect(report).toMatchObject({
    schema: 'fusor.bench.kernel',
    version: 1,
    machine: { variables: { OMP_PROC_BIND: 'false' } },
  });
  expect(report.machine.variables).not.toHaveProperty('OPENBLAS_CORETYPE');
  const { flops, bandwidths } = report.ceilings[0];
  expect(Object.keys(flops)).toContain('scalar');
  for (const { read, update } of bandwidths) expect(Math.min(read, update)).toBeGreaterThan(1e8);
  expect(bandwidths.at(-1)).toMatchObject({ level: 'memory', bytes: 0 });
  expect(report.absent.filter((line: string) => !line.startsWith('onednn'))).toEqual([]);
  for (const op of OPS) {
    const rows = report.rows.filter((row: { op: string }) => row.op === op);
    expect(rows.length).toBeGreaterThanOrEqual(3);
    for (const { error, allowed, seconds, gflops, timesLibrary } of rows) {
      expect(error).toBeLessThanOrEqual(allowed);
      expect(Math.min(seconds.min, gflops, timesLibrary)).toBeGreaterThan(0);
    }
  }
});

native('kernel: formats', async () => {
  const of = async (format: string) =>
    (
      await fusor(
        ['bench', 'kernel', ...SMALL, '--op', 'gather', '--variants', 'fused', '--format', format],
        { cwd },
      )
    ).stdout;
  const [table, md, csv] = await Promise.all(['table', 'md', 'csv'].map(of));
  expect(table).toMatch(/^gather +5x33x17 +1 +fused /m);
  expect(md).toMatch(/^\| gather \| 5x33x17 \| 1 \| fused \| /m);
  expect(csv).toMatch(
    /^op,batch,inputs,units,threads,variant,repetitions,seconds\.median,.*\r\ngather,5,33,17,1,fused,2,/,
  );
});

native('kernel: variants of which none is here are no empty table', async () => {
  const other = process.arch === 'x64' ? 'fused-neon' : 'fused-avx2';
  const args = ['bench', 'kernel', ...SMALL, '--op', 'forward', '--variants', other];
  const { status, stdout, stderr } = await fusor(args, { cwd });
  expect([status, stdout]).toEqual([5, '']);
  expect(stderr).toMatch(
    new RegExp(`^error: nothing to measure: not here are ${other} forward · .*--variants`, 'm'),
  );
});

native(
  'train: a signal to it alone ends what it runs, too',
  async () => {
    const temp = mkdtempSync(join(cwd, 'temp-'));
    const args = ['bench', 'train', '--peers', 'none', '-r', '1', '--epochs', '1000'];
    const child = startCli(args, { cwd, env: { TMPDIR: temp } });
    const ended = finished(child);
    // The run folder of the training is there.
    while (!readdirSync(temp).some((name) => existsSync(join(temp, name, 'run'))))
      await new Promise((done) => setTimeout(done, 50));
    child.kill('SIGTERM');
    const { status, stderr } = await ended;
    expect([status, stderr]).toEqual([143, expect.stringContaining('interrupted by SIGTERM')]);
    expect(readdirSync(temp)).toEqual([]);
  },
  60_000,
);

native('train: ours alone, on MNIST and on a net of random rows', async () => {
  const words = ['bench', 'train', '--peers', 'none', '-r', '1', '--threads', '1', '--json'];
  const run = async (...more: string[]) => documentOf(await fusor([...words, ...more], { cwd }));
  const [flagship, net] = [
    await run('--epochs', '1'),
    await run('--net', '20-30-5', '--batch-size', '16', '--steps', '3'),
  ];
  const names = ['fusor native', 'fusor native, framework kernels'];
  for (const { schema, rows, command } of [flagship, net]) {
    expect([schema, rows.map(({ name }: { name: string }) => name)]).toEqual(['fusor.bench.train', names]);
    expect([rows[0].timesFusor, rows[0].stepTimesFusor]).toEqual([1, 1]);
    expect(rows[1].kernels).toBe('framework');
    for (const { stepMicroseconds } of rows) expect(stepMicroseconds.median).toBeGreaterThan(0);
    expect(command).toContain('--peers "none" --repetitions 1 --threads 1');
  }
  for (const { testAccuracy } of flagship.rows) expect(testAccuracy).toBeGreaterThan(0.9);
  expect(net.rows[0]).toMatchObject({ fitSeconds: null, testAccuracy: null });
});

test.each([
  [['bench', 'kernal'], 'did you mean kernel?'],
  [['bench', 'kernel', '--op', 'forwrad'], 'did you mean forward?'],
  [['bench', 'kernel', '--shapes', '32x784'], 'batch x inputs x units'],
  [['bench', 'kernel', '--variants', 'mkl'], 'one of fused'],
  [['bench', 'kernel', '-r', '0'], 'an integer from 1'],
  [['bench', 'train', '--net', '10x10'], 'as in 4096-4096-4096'],
  [['bench', 'train', '--net', '3-2-1'], 'classes last'],
  [['bench', 'train', '--peers', 'PyTorch,foo'], "no peer of this job has 'foo' in its name"],
  [['bench', 'kernel', '-x', '1'], 'unknown option -x'],
])('%p is exit 2', async (args, message) => {
  const { status, stderr } = await fusor(args, { cwd });
  expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
});
