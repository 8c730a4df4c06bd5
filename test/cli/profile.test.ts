import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { median } from '../../src/bench/statistics';
import type { ProfileDocument } from '../../src/profile/profile';
import { BACKENDS, documentOf, fusor } from '../support/cli';
import { temporaryFolder } from '../support/script';
import { describeUnless } from '../support/skip';

const cwd = temporaryFolder();
// Each command starts several processes; on a busy machine that takes a while.
jest.setTimeout(300_000);
const small = ['--limit', '640', '--layers', '64', '--seed', '7', '--rounds', '3', '--epochs', '1'];
const profile = (flags: string[], env: Record<string, string> = {}) =>
  fusor(['profile', ...small, ...flags], { cwd, env: { FUSOR_CACHE: join(cwd, 'cache'), ...env } });

/** Ops are the step: the span that was stamped, whatever else the machine did. */
function expectAddsUp({ variants, comparison }: ProfileDocument): void {
  for (const { ops, stamped } of variants) {
    const sums = ops[0].rounds.map((_, i) => ops.reduce((sum, { rounds }) => sum + rounds[i], 0));
    expect(Math.abs(median(sums) / stamped.median - 1)).toBeLessThan(0.05);
    const shares = ops.reduce((sum, { share }) => sum + share, 0);
    expect(shares).toBeCloseTo(1, 6);
  }
  // As training has it, not stamped.
  expect(comparison.at(-1)).toMatchObject({ name: 'step', self: variants.map(({ step }) => step.median) });
}

/** What is counted by hand for 784-64-10 at 32 rows: a product is 2·B·I·U. */
const FORWARD = 2 * 32 * 784 * 64;

test('tfjs: phases, kernels, a trace and a page', async () => {
  const files = ['--trace', 'trace.json', '--html', 'page.html'];
  const ran = await profile([
    '--variants',
    'tfjs:wasm,tfjs:cpu',
    '--steps',
    '10',
    '--nvtx',
    '--json',
    ...files,
  ]);
  const document: ProfileDocument = documentOf(ran);
  expect(ran.status).toBe(0);
  expect(ran.stderr).toContain('--nvtx: nothing here runs on an NVIDIA GPU');
  expect(document.job).toMatchObject({ net: '784-64-10', batchSize: 32, optimizer: 'adam', seed: 7 });
  for (const { ops, memory, rounds } of document.variants) {
    const names = ops.map(({ name }) => name);
    const wanted = ['gather', 'forward dense', 'loss', 'backward dense', 'update', 'gap', 'javascript'];
    expect(names).toEqual(expect.arrayContaining(wanted));
    const forward = ops.find(({ name }) => name === 'forward dense')!;
    expect(forward.work!.flops).toBe(FORWARD);
    expect(forward.kernels.find(({ name }) => name === 'BatchMatMul')!.calls).toBe(1);
    expect(memory.map(({ at }) => at)).toContain('epoch 1');
    expect(rounds).toBe(3);
  }
  expectAddsUp(document);
  const trace = JSON.parse(readFileSync(join(cwd, 'trace.json'), 'utf8'));
  expectForm(trace);
  const { traceEvents } = trace;
  expect(new Set(traceEvents.map(({ pid }: { pid: number }) => pid))).toEqual(new Set([1, 2]));
  expect(traceEvents.some(({ name }: { name: string }) => name === 'BatchMatMul')).toBe(true);
  const html = readFileSync(join(cwd, 'page.html'), 'utf8');
  expect(/<script|src=|url\((?!#)|@import|<link/.exec(html)).toBeNull();
  expect(html.includes('Roofline')).toBe(true);
});

interface Event {
  ph: string;
  name: string;
  cat?: string;
  args?: Record<string, unknown>;
  pid: number;
  tid: number;
  ts: number;
  dur: number;
}

/** The form of "Trace Event Format", as far as we write it: complete events and names of processes and threads. */
function expectForm(trace: { traceEvents: Event[] }): void {
  expect(Object.keys(trace)).toEqual(['traceEvents']);
  const named = new Set<string>();
  for (const { ph, pid, tid, ts, dur, name, cat, args } of trace.traceEvents) {
    const text = expect.stringMatching(/./);
    expect([pid, tid].every((id) => Number.isInteger(id) && id >= 0)).toBe(true);
    if (ph === 'M') {
      expect({ name, args }).toEqual({
        name: expect.stringMatching(/^(process|thread)_name$/),
        args: { name: text },
      });
      named.add(name === 'process_name' ? `${pid}` : `${pid} ${tid}`);
      continue;
    }
    expect({ ph, name, cat }).toEqual({ ph: 'X', name: text, cat: text });
    expect(Number.isFinite(ts) && ts >= 0 && Number.isFinite(dur) && dur >= 0).toBe(true);
    expect(named.has(`${pid}`) && named.has(`${pid} ${tid}`)).toBe(true);
  }
  expect(overlapping(trace.traceEvents)).toEqual([]);
}

/** What viewers of traces ask of events of one track: that they lie within each other or apart. */
function overlapping(events: readonly Event[]): Event[] {
  const shown = events.filter(({ ph }) => ph === 'X');
  const order = shown.toSorted((a, b) => a.pid - b.pid || a.tid - b.tid || a.ts - b.ts || b.dur - a.dur);
  const open: Event[] = [];
  return order.filter((event) => {
    if (open[0]?.pid !== event.pid || open[0].tid !== event.tid) open.length = 0;
    while (open.length > 0 && open[open.length - 1].ts + open[open.length - 1].dur <= event.ts) open.pop();
    const around = open.at(-1);
    open.push(event);
    return around !== undefined && event.ts + event.dur > around.ts + around.dur + 1e-3;
  });
}

const [, [, , obstacle]] = BACKENDS;

describeUnless(obstacle)('native', () => {
  test('a GPU, played by the CPU: its stream, phases and operations in some of the steps', async () => {
    const flags = [
      '--variants',
      'native:framework@cuda:0',
      '--nvtx',
      '--trace',
      'gpu.json',
      '--html',
      'gpu.html',
    ];
    const ran = await profile([...flags, '--json'], { FUSOR_PLAYED_GPU: '1' });
    const document: ProfileDocument = documentOf(ran);
    expect(ran.stderr).toContain('run it under nsys profile');
    const [{ device, precision, ops }] = document.variants;
    expect([device, precision]).toEqual(['cuda:0', 'fp32']);
    expect(document.ceilings).toMatchObject([{ device: 'cuda:0', threads: 0 }]);
    expect(Object.keys(document.ceilings[0].flops)).toEqual(['fp32', 'tf32', 'bf16']);
    const names = ['gather', 'forward dense', 'loss', 'backward dense', 'update', 'record', 'copy'];
    expect(ops.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    for (const { name, calls } of ops.filter((op) => op.work)) expect([name, calls]).toEqual([name, 1]);
    const forward = ops.find(({ name }) => name === 'forward dense')!;
    expect(forward.work!.flops).toBe(FORWARD);
    expect(forward.kernels.length).toBeGreaterThan(0);
    expect(forward.ofCeiling).toBeGreaterThan(0);
    const trace = JSON.parse(readFileSync(join(cwd, 'gpu.json'), 'utf8'));
    expectForm(trace);
    const { traceEvents } = trace;
    const tracks = traceEvents.filter(({ ph }: Event) => ph === 'M');
    expect(tracks.map(({ args }: { args: { name: string } }) => args.name)).toContain('GPU stream');
    expect(readFileSync(join(cwd, 'gpu.html'), 'utf8')).toContain('lines: cuda:0, reading, measured here');
  });

  test('fused against framework kernels, and what was slowed on purpose is named', async () => {
    const both = ['--variants', 'native:fused,native:framework', '--trace', 'native.json'];
    const before = await profile([...both, '--json']);
    expectForm(JSON.parse(readFileSync(join(cwd, 'native.json'), 'utf8')));
    const document: ProfileDocument = documentOf(before);
    const [fused, framework] = document.variants;
    const op = (name: string, { ops } = fused) => ops.find((each) => each.name === name)!;
    expect(fused.ranOn).toMatch(/sparse input|tiles of bytes/);
    // Tiles multiply zeros, too.
    const density = fused.ranOn.includes('tiles') ? 1 : document.job.density!;
    expect(op('forward dense').work!.flops).toBeCloseTo(FORWARD * density);
    expect(op('forward dense', framework).work!.flops).toBe(FORWARD);
    expect(op('backward+update dense')).toBeDefined();
    expect(op('update', framework).kernels.map(({ name }) => name)).toContain('aten::_fused_adam_');
    expect(op('forward dense', framework).ofCeiling).toBeGreaterThan(0);
    expect(document.ceilings[0].flops).toBeDefined();
    expectAddsUp(document);
    writeFileSync(join(cwd, 'before.json'), before.stdout);
    const slowed = await profile(['--variants', 'native:fused', '--baseline', 'before.json'], {
      FUSOR_PROFILE_DELAY: 'forward:dense_1:400',
    });
    expect(slowed.stderr).toBe(slowed.stderr.replace(/error/g, ''));
    // Beside the others, where the machine itself has changed.
    expect(slowed.stdout).toMatch(
      /^SLOWER native:fused · forward dense_1: \S+ → \S+ µs \(\d+\.\d+×(, \d+\.\d+× beside the others)?\)$/m,
    );
    expect(slowed.stdout.match(/^SLOWER/gm)).toHaveLength(1);
    expect(slowed.stdout).toMatch(/^forward dense_1 .* latency +1 /m);
  });
});

test.each([
  [['--variants', 'tfjs:wasm', '--steps', '0'], 2, '--steps'],
  [['--variants', 'tpu'], 2, 'native[:fused|framework] or tfjs'],
  [['--variants', 'tfjs:wasm@cuda:0'], 5, ''],
  [['--variants', 'tfjs:wasm', '--baseline', 'nothing.json'], 6, 'nothing.json'],
  [['--variants', 'tfjs:wasm', '--baseline', 'bad.json'], 4, 'not a profile'],
  [['--variants', 'tfjs:wasm', '--baseline', 'hollow.json'], 4, 'not a profile'],
  [['--variants', 'tfjs:wasm', '--baseline', 'other.json'], 2, 'of another training: net 3-4-2 there'],
  [
    ['--variants', 'tpu', '--html', 'absent/x.html'],
    6,
    'error: cannot write (ENOENT) · absent/x.html · check',
  ],
  [['--variants', 'tpu', '--trace', 'bad.json/x'], 6, 'cannot write (ENOTDIR)'],
])('profile %j is exit %i', async (flags, status, message) => {
  writeFileSync(join(cwd, 'bad.json'), '{}');
  const job = { data: 'mnist', net: '3-4-2', batchSize: 32, optimizer: 'adam' };
  const other = { schema: 'fusor.profile', version: 1, job, variants: [] };
  writeFileSync(join(cwd, 'other.json'), JSON.stringify(other));
  const hollow = { ...other, variants: [{ name: 'tfjs:wasm', step: {}, ops: null }] };
  writeFileSync(join(cwd, 'hollow.json'), JSON.stringify(hollow));
  const ran = await profile(flags);
  expect(ran.stderr).toContain(message);
  expect(ran.status).toBe(status);
  expect(ran.stderr).not.toContain('round 1');
});
