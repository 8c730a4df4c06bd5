/** From timelines to rows, comparisons, traces and pages. */

import type { Timeline, Work } from '../../../src/backend/contract';
import type { Ceilings } from '../../../src/bench/roofline';
import { changesFrom, comparisonOf } from '../../../src/profile/compare';
import { profilePage } from '../../../src/profile/page';
import type { OpRow, ProfileDocument, VariantProfile } from '../../../src/profile/profile';
import { opTimes, wallOf } from '../../../src/profile/round';
import { spreadText } from '../../../src/profile/text';
import { traceOf } from '../../../src/profile/trace';
import { verdictOf } from '../../../src/profile/verdict';

/** [track, step, phase, layer, kernel, begin, end] */
type Entry = [number, number, Work['phase'], string | null, string | null, number, number];

function timelineOf(entries: Entry[], tracks = ['session', 'worker 1'], leading = 0): Timeline {
  const columns = (i: number) => entries.map((entry) => entry[i] as number);
  return {
    tracks,
    leading,
    works: entries.map(([, , phase, layer, kernel]) => ({ phase, layer, kernel })),
    track: Uint16Array.from(columns(0)),
    work: Uint16Array.from(entries, (_, i) => i),
    step: Int32Array.from(columns(1)),
    begin: Float64Array.from(columns(5)),
    end: Float64Array.from(columns(6)),
    called: 100,
    returned: 260,
    aside: 40,
    launch: 0.5,
    lost: 0,
  };
}

/** Two steps on two threads; kernels are known of the first. */
const timeline = timelineOf([
  [0, 0, 'forward', 'dense', null, 110, 140],
  [0, 0, 'kernel', null, 'aten::linear', 112, 132],
  [0, 0, 'kernel', null, 'aten::addmm', 115, 130],
  [0, 0, 'wait', null, null, 134, 139],
  [0, 0, 'loss', null, null, 150, 160],
  [0, 1, 'forward', 'dense', null, 170, 200],
  [0, 1, 'wait', null, null, 190, 199],
  [0, 1, 'loss', null, null, 200, 210],
  [0, 1, 'record', null, null, 212, 0],
  [1, 0, 'forward', 'dense', null, 110, 150],
  [1, 1, 'forward', 'dense', null, 170, 208],
]);
const around = { resumed: 90, ended: 310 };

test('self, total and kernels of an op; waiting, gaps, launch and JavaScript beside it', () => {
  const ops = opTimes(timeline, around, 2);
  const op = (phase: string) => ops.find((each) => each.phase === phase)!;
  // Two forwards of 30, 5 and 9 of them waiting; the other thread was busier.
  expect(op('forward')).toMatchObject({ layer: 'dense', calls: 1, self: 23, total: 30, busiest: 39 });
  expect(op('forward').kernels).toEqual([
    { name: 'aten::addmm', calls: 1, self: 15 },
    { name: 'aten::linear', calls: 1, self: 5 },
  ]);
  expect(op('wait')).toMatchObject({ calls: 1, self: 7 });
  expect(op('loss')).toMatchObject({ self: 10, total: 10 });
  // 140-150, 160-170; what was cut off does not count.
  expect(op('gap').self).toBe(10);
  expect(op('launch').self).toBe((10 + 50) / 2);
  expect(op('javascript').self).toBe((10 + 10) / 2);
  expect(ops.some(({ phase }) => phase === 'record')).toBe(false);
  // Nobody left out a product.
  expect(ops.map(({ density }) => density)).toEqual(ops.map(() => 1));
  const sum = ops.reduce((total, { self }) => total + self, 0);
  expect(sum).toBe(wallOf(timeline, around) / 2);
});

test("on a device the stream's time counts, steps that were stamped stand for the others", () => {
  // Four steps, of which the first is told, and the second with its kernels, which slows it.
  const device = timelineOf(
    [
      [0, 0, 'forward', 'dense', null, 101, 105],
      [0, 3, 'copy', null, null, 130, 231],
      [1, 0, 'forward', 'dense', null, 110, 140],
      [1, 0, 'loss', null, null, 140, 145],
      [1, 1, 'forward', 'dense', null, 147, 187],
      [1, 1, 'kernel', null, 'aten::addmm', 150, 170],
      [1, 1, 'loss', null, null, 187, 190],
      [1, 3, 'copy', null, null, 225, 230],
    ],
    ['session', 'GPU stream'],
    1,
  );
  const ops = opTimes(device, around, 4);
  const op = (phase: string) => ops.find((each) => each.phase === phase)!;
  expect(op('forward')).toMatchObject({ calls: 1, self: 30, total: 30, busiest: 30 });
  expect(op('forward').kernels).toEqual([{ name: 'aten::addmm', calls: 1, self: 20 }]);
  expect(op('loss')).toMatchObject({ calls: 1, self: 5 });
  // Once in four steps, whichever step that was.
  expect(op('copy')).toMatchObject({ calls: 0.25, self: 5 / 4 });
  expect(op('launch').self).toBe((10 + 30) / 4);
  const { traceEvents } = traceOf([
    { name: 'gpu', recorded: { timeline: device, around, epoch: 0, firstStep: 0 } },
  ]);
  expect(traceEvents.find(({ name }) => name === 'step 1')).toMatchObject({ tid: 2, ts: 20, dur: 35 });
  expect(traceEvents.find(({ tid, ph }) => tid === 2 && ph === 'M')!.args).toEqual({ name: 'GPU stream' });
});

test('a trace: every track named, steps around their phases, nothing before its beginning', () => {
  const recorded = { timeline, around, epoch: 2, firstStep: 60 };
  const { traceEvents } = traceOf([{ name: 'native:fused', recorded }]);
  const names = traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args!.name);
  expect(names).toEqual(['native:fused', 'JavaScript', 'session', 'worker 1']);
  const shown = traceEvents.filter(({ ph }) => ph === 'X');
  for (const { ts, dur, tid, pid } of shown) {
    expect(ts).toBeGreaterThanOrEqual(0);
    expect(dur).toBeGreaterThanOrEqual(0);
    expect([tid >= 0, pid]).toEqual([true, 1]);
  }
  const named = (name: string) => shown.find((event) => event.name === name)!;
  expect(named('epoch 3')).toMatchObject({ tid: 0, ts: 0 });
  expect(named('step 61')).toMatchObject({ tid: 1, ts: 20, dur: 50, args: { epoch: 3 } });
  expect(named('forward dense')).toMatchObject({ args: { step: 61, layer: 'dense' } });
  expect(named('aten::addmm')).toMatchObject({ ts: 25, dur: 15, cat: 'kernel' });
});

const ceilings: Ceilings = {
  threads: 2,
  flops: { avx512: 100e9 },
  bandwidths: [{ level: 'memory', bytes: 0, read: 50e9, update: 50e9 }],
};
const work = { flops: 1e6, read: 1e5, written: 1e5 };

test.each([
  [{ roof: { share: 0.8, bound: 'compute' } }, 'compute', /80 % of the FMA roof/],
  [{ roof: { share: 0.6, bound: 'L3' } }, 'memory', /60 % of the L3 roof/],
  [{ roof: { share: 0.1, bound: 'compute' } }, 'latency', /too little work .* larger --batch-size$/],
  [{ roof: { share: 0.1, bound: 'compute' }, computed: 0.2 }, 'latency', /not zero .* changes little$/],
  [{ roof: { share: 0.4, bound: 'compute' }, computed: 0.2 }, 'latency', /^40 % .* not zero .* little$/],
  [{ self: 20_000, roof: { share: 0.1, bound: 'compute' } }, 'compute', /10 % of .* roof, with work enough/],
  [
    { roof: { share: 0.01, bound: 'L1' }, kernels: [{ name: 'a', calls: 30, self: 30 }], launch: 1 },
    'launch',
    /30 operations of at least 1\.0 µs each: --kernels fused does them in one, a larger/,
  ],
  [
    {
      mayFuse: false,
      roof: { share: 0.01, bound: 'L1' },
      kernels: [{ name: 'a', calls: 30, self: 30 }],
      launch: 1,
    },
    'launch',
    /30 operations of at least 1\.0 µs each: a larger --batch-size/,
  ],
  [{ phase: 'wait' as const, work: null, roof: null }, 'latency', /threads wait/],
  [{ phase: 'javascript' as const, work: null, roof: null }, 'launch', /spans are short/],
  [{ share: 0.001, roof: { share: 0.1, bound: 'L1' } }, 'latency', /too small a part/],
])('%j is %s-bound', (more, verdict, advice) => {
  const facts = {
    phase: 'forward' as const,
    self: 40,
    kernels: [],
    share: 0.5,
    work,
    computed: 1,
    launch: 1,
    roof: null,
    isOnDevice: false,
    mayFuse: true,
  };
  const found = verdictOf({ ...facts, ...more });
  expect(found.verdict).toBe(verdict);
  expect(found.advice).toMatch(advice);
});

const jitter = [0.98, 0.99, 1, 1.01, 1.02];
function row(phase: OpRow['phase'], layer: string | null, self: number): OpRow {
  const rounds = jitter.map((factor) => factor * self);
  return {
    name: layer ? `${phase} ${layer}` : phase,
    phase,
    layer,
    calls: 1,
    total: self,
    density: 1,
    share: 1,
    rounds,
    work,
    kernels: [],
    self: { median: self, min: rounds[0], max: rounds[4], spread: 0.02 },
    ...{
      gflops: 1,
      gbytes: 1,
      intensity: 5,
      ofCeiling: 0.1,
      bound: 'latency',
      verdict: 'latency',
      advice: 'none',
    },
  };
}
function variant(name: string, rows: OpRow[]): VariantProfile {
  const sum = rows.reduce((total, op) => total + op.self.median, 0);
  const ops = rows.map((op) => ({ ...op, share: op.self.median / sum }));
  const step = { median: sum, min: sum, max: sum, spread: 0 };
  const memory = [{ at: 'Node.js', bytes: 2 ** 25 }];
  const stepRounds = jitter.map((factor) => factor * sum);
  const rest = { ranOn: 'here', device: 'cpu', threads: 2, steps: 50, rounds: 5, launch: 1, memory };
  return { name, step, stepRounds, stamped: step, stampingCost: 0, coverage: 1, ops, ...rest };
}
const fused = (forward = 30, times = 1) =>
  variant('native:fused', [
    row('gather', null, 3 * times),
    row('forward', 'dense', forward * times),
    row('loss', null, 5 * times),
    row('backward+update', 'dense', 60 * times),
    row('wait', null, 2),
  ]);
const framework = variant('native:framework', [
  row('gather', null, 30),
  row('forward', 'dense', 60),
  row('loss', null, 50),
  row('backward', 'dense', 80),
  row('update', null, 40),
]);

test('side by side: like with like, the way back together with the update', () => {
  const rows = comparisonOf([fused(), framework], ['dense']);
  const of = (name: string) => rows.find((each) => each.name === name)!;
  expect(rows.map(({ name }) => name)).toEqual([
    ...[
      'gather',
      'forward dense',
      'loss',
      'backward dense',
      'update',
      'wait',
      'backward and update, all layers',
    ],
    'step',
  ]);
  expect(of('forward dense')).toMatchObject({ self: [30, 60] });
  expect(of('forward dense').times[1]!.median).toBeCloseTo(2);
  expect(of('backward dense').times).toEqual([null, null]);
  expect(of('backward and update, all layers')).toMatchObject({ self: [60, 120] });
  expect(of('backward and update, all layers').times[1]!.median).toBeCloseTo(2);
  // Of steps that were not stamped, as the first line says it.
  expect(of('step').self).toEqual([100, 260]);
  expect(of('step').times[1]!.median).toBeCloseTo(2.6);
});

test('what got slower is named, whatever else the machine does', () => {
  expect(changesFrom([fused()], [fused()])).toEqual({ drifts: [], slower: [], faster: [] });
  // All of it slower: the machine, and that is said.
  expect(changesFrom([fused()], [fused(30, 1.5)])).toEqual({
    drifts: [{ variant: 'native:fused', times: 1.5 }],
    slower: [],
    faster: [],
  });
  const { slower, faster } = changesFrom([fused(), framework], [fused(60, 1.2), framework]);
  expect(faster).toEqual([]);
  expect(slower).toMatchObject([{ variant: 'native:fused', op: 'forward dense', before: 30, now: 72 }]);
  expect([slower[0].times, slower[0].beside].map((times) => times.toFixed(2))).toEqual(['2.40', '2.00']);
  expect(changesFrom([fused(60)], [fused(30)]).faster).toMatchObject([{ op: 'forward dense' }]);
  // Beside 3 ms more, a difference of a small op's is nothing to the step; alone it is named.
  const steps = (forward: number, loss: number) =>
    variant('a', [
      row('forward', 'dense', forward),
      row('loss', null, loss),
      row('gather', null, 20),
      row('record', null, 20),
    ]);
  const slowerOps = (then: VariantProfile, now: VariantProfile) =>
    changesFrom([then], [now]).slower.map(({ op }) => op);
  expect(slowerOps(steps(30, 10), steps(3030, 15))).toEqual(['forward dense']);
  expect(slowerOps(steps(30, 10), steps(30, 15))).toEqual(['loss']);
});

function documentOf(variants: VariantProfile[], name = 'mnist'): ProfileDocument {
  return {
    ...{
      schema: 'fusor.profile',
      version: 1,
      command: `fusor profile ${name}`,
      date: '2026-01-01T00:00:00Z',
    },
    fusor: '0',
    machine: { cpu: name, cores: 2, memoryBytes: 2 ** 30, system: 'linux', node: 'v20', variables: {} },
    job: { data: name, net: '1-1', batchSize: 1, optimizer: 'adam', seed: 1, parameters: 2, density: null },
    ceilings: [ceilings],
    variants,
    comparison: comparisonOf(variants, ['dense', name]),
    absent: [{ name, reason: name, cure: '' }],
  };
}

/** The page's text at a class. */
const textAt = (html: string, name: string) => new RegExp(`class="${name}">([^<]*)`).exec(html)?.[1];

test('a page begins with what is fastest, by how much, and what takes the time', () => {
  const page = (...variants: VariantProfile[]) => profilePage(documentOf(variants), []);
  expect(textAt(page(fused(), framework), 'lead')).toBe(
    'native:fused takes 100.0 µs a step: 2.60 times as fast as native:framework (2.60 to 2.60). ' +
      'The greatest part of its work is backward+update dense: 60 % of the step, at 10 % of its roof.',
  );
  expect(textAt(page(framework, fused()), 'lead')).toContain('2.60 times as long as native:fused');
  expect(textAt(page(fused()), 'noise')).toBeUndefined();
  const noisy = { ...fused(), step: { ...fused().step, spread: 0.5 } };
  expect(textAt(page(noisy), 'noise')).toContain('native:fused&#39;s steps differ by ± 25 %');
});

test('one round says nothing of what rounds differ by', () => {
  const once = { median: 5, min: 5, max: 5, spread: 0 };
  expect([spreadText(once), spreadText({ ...once, max: 6 })]).toEqual(['–', '0.0 %']);
});

test('bars are as long as the steps that they say', () => {
  const html = profilePage(documentOf([fused(), framework]), []);
  const widths = [...html.matchAll(/class="stacked"[^>]*style="width:([\d.]+)%"/g)].map(([, width]) => width);
  expect(widths).toEqual(['38.46', '100.00', '100.00', '100.00']);
});

test('a page says what changed since an earlier profile', () => {
  const changes = changesFrom([fused(60)], [fused(30)]);
  const since = { date: '2025-12-31T00:00:00Z', changes };
  const html = profilePage(documentOf([fused()]), [], since);
  expect(html).toContain('<h2>Since 2025-12-31 00:00 UTC</h2>');
  expect(html).toContain('faster: native:<wbr>fused, forward dense');
});

test('a page takes names as text, and asks for nothing', () => {
  const evil = '<script>alert(1)</script>';
  const document = documentOf([fused(), variant(evil, [row('forward', evil, 10)])], evil);
  // Kernels also run between phases.
  const between = timelineOf([
    [0, 0, 'forward', 'dense', null, 110, 140],
    [0, 0, 'kernel', null, evil, 142, 148],
  ]);
  const recorded = { timeline: between, around, epoch: 0, firstStep: 0 };
  const html = profilePage(document, [{ name: evil, recorded }]);
  expect(/<script|src=|url\((?!#)|@import|<link/.exec(html)).toBeNull();
  expect(html.replace(/xmlns(:\w+)?="[^"]*"/g, '').includes('://')).toBe(false);
  expect(html.includes('&lt;script&gt;alert(1)')).toBe(true);
});
