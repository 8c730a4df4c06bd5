import { join } from 'node:path';
import { callScript, repository } from '../../support/script';

/** What an exported function of a script gives. */
async function call(script: string, name: string, ...args: unknown[]) {
  const { value, error } = await callScript(
    join(repository, 'scripts', 'bench', `${script}.mjs`),
    name,
    args,
  );
  if (error) throw new Error(error.message);
  // biome-ignore lint/suspicious/noExplicitAny: scripts have no types
  return value as any;
}

test('rows of a comparison: ratios round by round, by fit where there is one', async () => {
  const run = (stepMicroseconds: number, fitSeconds: number | null) => ({
    stepMicroseconds,
    fitSeconds,
    loss: 1,
    testAccuracy: fitSeconds && 0.5,
    versions: {},
  });
  const rows = await call('train', 'rowsOf', {
    ours: [run(10, 1), run(20, 2), run(30, 3)],
    slower: [run(20, 4), run(40, 8), run(30, 12)],
    'steps only': [run(30, null), run(60, null), run(90, null)],
  });
  expect(rows.map(({ timesFusor }: { timesFusor: number }) => timesFusor)).toEqual([1, 4, 3]);
  expect(rows[1]).toMatchObject({
    stepMicroseconds: { median: 30, min: 20, max: 40 },
    stepTimesFusor: 2,
    fitSeconds: 8,
  });
  const machine = {
    cpu: 'C',
    cores: 2,
    memoryBytes: 2 ** 30,
    system: 's',
    node: 'v',
    variables: { OMP_X: '1' },
  };
  const text = await call('train', 'markdownOf', { machine, job: { epochs: 3 }, rows });
  expect(text).toContain('C · 2 cores · 1.0 GiB · s · Node.js v · OMP_X=1');
  expect(text).toContain('| slower | 30 (20–40) | 8.00 s | 4.00 | 50.00 % |');
  expect(text).toContain('| steps only | 60 (30–90) | – | 3.00 | – |');
});

test('peers: the flagship has all, other nets those that can', async () => {
  const job = { epochs: 1, threads: 2, layers: '128', batchSize: 32, steps: 4 };
  const names = async (net: string | undefined, flagship: boolean) =>
    (await call('peers', 'peersFor', { ...job, net }, flagship)).map(({ name }: { name: string }) => name);
  expect(await names(undefined, true)).toHaveLength(11);
  expect((await names(undefined, false)).join()).not.toContain('tfjs');
  expect(await names('8-8', false)).toEqual([
    'JAX, jit + scan',
    'PyTorch, fused Adam',
    'PyTorch, eager',
    'PyTorch, compile',
  ]);
  const [jax] = await call('peers', 'peersFor', { ...job, net: '8-8' }, false);
  expect(jax.args.slice(1)).toEqual(['--net', '8-8', '--steps', 4, '--batch-size', 32, '--threads', 2]);
});

test('scaling: work counted by hand, growth of time over work', async () => {
  expect((await call('scaling', 'flopsOf', 128, 32)) / 1e6).toBeCloseTo(13.09, 2);
  const points = [
    { flops: 1, stepMicroseconds: 10 },
    { flops: 2, stepMicroseconds: 15 },
    { flops: 4, stepMicroseconds: 50 },
  ];
  expect(await call('scaling', 'growthOf', points)).toBe(1.25);
  expect(await call('scaling', 'growthOf', points.slice(0, 2))).toBe(0.75);
});

test.each([
  ['exit 130', 'interrupted by SIGINT'],
  ['kill -TERM $$', 'interrupted by SIGTERM'],
  ['exit 3', 'Command failed'],
])('a child that ends by %s: %s', async (program, message) => {
  await expect(call('common', 'jsonOf', ['bash', '-c', program])).rejects.toThrow(message);
});

test('scaling: a line for each series, and a dashed one as work grows', async () => {
  const points = [
    { flops: 1e9, stepMicroseconds: 10 },
    { flops: 1e10, stepMicroseconds: 80 },
  ];
  const series = [
    { name: 'a < b', points },
    { name: 'batch', points },
  ];
  const svg: string = await call('scaling', 'pictureOf', series);
  expect(svg).toContain('a &lt; b');
  const lines = svg.match(/<path [^>]*stroke-linejoin="bevel"[^>]*>/g) ?? [];
  const dashed = lines.filter((line) => line.includes('stroke-dasharray'));
  expect([lines.length - dashed.length, dashed.length]).toEqual([2, 2]);
});
