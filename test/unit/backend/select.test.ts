import type { BackendName, BackendProvider, Candidate, DeviceRequest } from '../../../src/backend/contract';
import type { DeviceOptions } from '../../../src/backend/request';
import { Selector } from '../../../src/backend/select';
import { FusorError } from '../../../src/errors';
import { failure } from '../../support/models';
import { referenceBackend } from '../../support/reference';

/** 'cuda:0' usable, '-cuda' not; tfjs: 'node-gpu@cuda', 'wasm'. */
const candidate = (backend: BackendName, text: string): Candidate => {
  const usable = !text.startsWith('-');
  const [engine, device = backend === 'native' ? engine : 'cpu'] = text.replace(/^-/, '').split('@');
  const [reason, cure] = usable ? ['', ''] : [`no ${engine}`, `get ${engine}`];
  const name = backend === 'native' ? 'libtorch' : engine;
  return { engine: name, device, deviceName: 'chip', usable, reason, cure, versions: {} };
};

/** A machine with these candidates, and a record of what was probed and opened. */
function machine(
  native: string[],
  tfjs: string[],
  driver = false,
  fails: string[] = [],
  loaded: string | null = null,
) {
  const calls: string[] = [];
  const requests: DeviceRequest[] = [];
  const provider = (name: BackendName, texts: string[]): BackendProvider => ({
    name,
    async probe() {
      calls.push(`probe ${name}`);
      return texts.map((text) => candidate(name, text));
    },
    async open(request) {
      const what = name === 'native' ? `native ${request.device}` : `tfjs ${request.tfjsEngine}`;
      calls.push(`open ${what}`);
      requests.push(request);
      if (fails.includes(what)) throw new FusorError('ERR_BACKEND_UNAVAILABLE', ['it broke']);
      const engine = name === 'native' ? 'libtorch' : request.tfjsEngine;
      return { ...referenceBackend, name, engine, device: request.device };
    },
  });
  const selector = new Selector(
    {
      native: () => ({ provider: provider('native', native) }),
      tfjs: () => ({ provider: provider('tfjs', tfjs) }),
    },
    () => driver,
    () => loaded,
  );
  const choose = async (request: DeviceOptions = {}) => {
    const { backend, steppedDown } = await selector.select({ quiet: true, ...request });
    const chosen = backend.name === 'native' ? `native ${backend.device}` : `tfjs ${backend.engine}`;
    return [chosen, ...steppedDown.map((step) => step.candidate)];
  };
  return { selector, calls, requests, choose };
}

const TFJS = ['node-gpu@cuda', 'node', 'wasm', 'cpu'];

test.each<[string, string[], string[], string[]]>([
  ['native CUDA first', ['cuda:0', 'cpu'], TFJS, ['native cuda:0']],
  ['then TensorFlow with a live GPU', ['-cuda', 'cpu'], TFJS, ['tfjs node-gpu', 'native cuda']],
  [
    'then the CPU, natively',
    ['-cuda', 'cpu'],
    ['-node-gpu@cuda', 'node', 'wasm'],
    ['native cpu', 'native cuda', 'tfjs node-gpu'],
  ],
  [
    'TensorFlow without its GPU counts as TensorFlow on the CPU',
    ['-cuda', 'cpu'],
    ['node-gpu@cpu', 'wasm'],
    ['native cpu', 'native cuda'],
  ],
  [
    'then TensorFlow on the CPU',
    ['-cpu'],
    ['-node-gpu@cuda', 'node', 'wasm'],
    ['tfjs node', 'tfjs node-gpu', 'native cpu'],
  ],
  ['then wasm', ['-cpu'], ['-node', 'wasm', 'cpu'], ['tfjs wasm', 'native cpu', 'tfjs node']],
  ['then JavaScript', [], ['-wasm', 'cpu'], ['tfjs cpu', 'tfjs wasm']],
])('%s', async (_name, native, tfjs, expected) => {
  expect(await machine(native, tfjs, true).choose()).toEqual(expected);
});

test('what cannot win is not probed', async () => {
  const gpu = machine(['cuda:0', 'cpu'], TFJS, true);
  await gpu.choose();
  expect(gpu.calls).toEqual(['probe native', 'open native cuda:0']);
  const noDriver = machine(['-cuda', 'cpu'], TFJS, false);
  await noDriver.choose();
  expect(noDriver.calls).toEqual(['probe native', 'open native cpu']);
  const driver = machine(['-cuda', 'cpu'], ['wasm'], true);
  await driver.choose({ device: 'cpu' });
  expect(driver.calls).toEqual(['probe native', 'open native cpu']);
  await driver.choose();
  expect(driver.calls).toContain('probe tfjs');
  const named = machine(['cpu'], ['wasm']);
  await named.choose({ backend: 'tfjs' });
  expect(named.calls).toEqual(['probe tfjs', 'open tfjs wasm']);
});

test.each<[DeviceOptions, string]>([
  [{ backend: 'native' }, 'native cuda:0'],
  [{ backend: 'tfjs' }, 'tfjs node-gpu'],
  [{ device: 'cpu' }, 'native cpu'],
  [{ device: 'cuda' }, 'native cuda:0'],
  [{ device: 'cuda:1' }, 'native cuda:1'],
  [{ backend: 'tfjs', device: 'cpu' }, 'tfjs node'],
  [{ tfjsEngine: 'wasm' }, 'tfjs wasm'],
  [{ kernels: 'fused' }, 'native cuda:0'],
  [{ backend: 'native', tfjsEngine: 'wasm' }, 'native cuda:0'],
])('asked for %p', async (request, expected) => {
  expect(await machine(['cuda:0', 'cuda:1', 'cpu'], TFJS, true).choose(request)).toEqual([expected]);
});

test.each<[DeviceOptions, string]>([
  [
    { device: 'cuda' },
    'device cuda cannot be had · native cuda: no cuda; tfjs node-gpu: no node-gpu · get cuda',
  ],
  [
    { backend: 'native', device: 'cuda:3' },
    'backend native with device cuda:3 cannot be had · native cuda: no cuda',
  ],
  [{ tfjsEngine: 'node' }, 'tfjsEngine node cannot be had · tfjs node: no node · get node'],
  [
    { backend: 'tfjs', kernels: 'fused' },
    'kernels fused cannot be had · tfjs has no fused kernels · use --backend native',
  ],
  [{ tfjsEngine: 'cpu' }, 'tfjsEngine cpu cannot be had'],
])('asked for %p and absent', async (request, message) => {
  const { choose } = machine(['-cuda', 'cpu'], ['-node-gpu@cuda', '-node', 'wasm'], true);
  const error = await failure(choose(request));
  expect(error.code).toBe('ERR_BACKEND_UNAVAILABLE');
  expect(error.message).toContain(message);
});

test('bf16, which only native has, is not looked for in tfjs', async () => {
  const { choose, calls } = machine(['-cuda', 'cpu'], ['wasm'], true, ['native cpu']);
  const { message } = await failure(choose({ precision: 'bf16' }));
  expect(message).toBe(
    'precision bf16 cannot be had · native cuda: no cuda; native cpu: it broke · get cuda',
  );
  expect(calls).not.toContain('probe tfjs');
});

test('a GPU number that is not there is not another GPU', async () => {
  expect((await failure(machine(['cuda:0'], []).choose({ device: 'cuda:1' }))).code).toBe(
    'ERR_BACKEND_UNAVAILABLE',
  );
});

test('what the provider opens is named exactly', async () => {
  const { choose, requests } = machine(['cuda:0'], TFJS, true);
  await choose({ threads: 3, precision: 'tf32' });
  expect(requests[0]).toEqual({
    device: 'cuda:0',
    kernels: 'auto',
    precision: 'tf32',
    threads: 3,
    tfjsEngine: 'auto',
  });
});

test('a candidate that does not open is a step down, too', async () => {
  const { choose, selector } = machine(['-cuda', 'cpu'], ['wasm'], true, ['native cpu']);
  expect(await choose()).toEqual(['tfjs wasm', 'native cuda', 'native cpu']);
  const { steppedDown } = await selector.select({ quiet: true });
  expect(steppedDown[1]).toEqual({ candidate: 'native cpu', reason: 'it broke', cure: '' });
});

test('the same request gets the same backend, opened once', async () => {
  const { selector, calls } = machine(['cpu'], []);
  const [one, two] = await Promise.all([selector.select({ quiet: true }), selector.select({ quiet: true })]);
  expect(one.backend).toBe(two.backend);
  expect(calls).toEqual(['probe native', 'open native cpu']);
});

test('a failure is not kept', async () => {
  const fails = ['native cpu'];
  const { choose } = machine(['cpu'], [], false, fails);
  expect((await failure(choose())).code).toBe('ERR_BACKEND_UNAVAILABLE');
  fails.length = 0;
  expect(await choose()).toEqual(['native cpu']);
});

test('one native framework a process', async () => {
  const { choose } = machine(['cpu'], ['node-gpu@cpu', 'node', 'wasm']);
  await choose({ backend: 'native' });
  const error = await failure(choose({ tfjsEngine: 'node' }));
  expect(error.code).toBe('ERR_BACKEND_CONFLICT');
  expect(error.message).toContain(
    'libtorch is loaded in this process, and libtensorflow beside it would crash',
  );
  // Not by name: the next engine, and the reason is recorded.
  expect(await choose({ backend: 'tfjs' })).toEqual(['tfjs wasm', 'tfjs node-gpu', 'tfjs node']);

  const reverse = machine(['cpu'], ['node', 'wasm']);
  await reverse.choose({ backend: 'tfjs' });
  expect((await failure(reverse.choose({ backend: 'native' }))).code).toBe('ERR_BACKEND_CONFLICT');
  expect(await reverse.choose()).toEqual(['tfjs node', 'native cpu']);
});

test('one a process, also where another thread or realm has loaded it', async () => {
  const { choose } = machine(['cpu'], ['node', 'wasm'], false, [], 'libtensorflow');
  expect((await failure(choose({ backend: 'native' }))).code).toBe('ERR_BACKEND_CONFLICT');
  expect(await choose()).toEqual(['tfjs node', 'native cpu']);
});

test('devices lists everything, with its backend', async () => {
  const { selector } = machine(['-cuda', 'cpu'], ['wasm']);
  expect((await selector.devices()).map((c) => [c.backend, c.device, c.usable])).toEqual([
    ['native', 'cuda', false],
    ['native', 'cpu', true],
    ['tfjs', 'cpu', true],
  ]);
});

test('a step down is said once in a process, without a driver in one calm line', async () => {
  const lines: string[] = [];
  const write = jest
    .spyOn(process.stderr, 'write')
    .mockImplementation((text) => lines.push(String(text)) > 0);
  try {
    const loud = machine(['-cuda@gpu0', '-cuda', 'cpu'], [], true).selector;
    await loud.select();
    await loud.select();
    expect(lines.join('')).toContain('is not to be had: no cuda · get cuda\n');
    const once = lines.length;
    await loud.select({ threads: 2 });
    expect(lines.length).toBe(once);
    lines.length = 0;
    await machine(['-cuda@cuda:9', 'cpu'], [], false).selector.select();
    expect(lines).toEqual(['fusor: running on native cpu, float64 in TypeScript; no NVIDIA GPU here\n']);
    lines.length = 0;
    await machine(['-cuda@cuda:8', 'cpu'], [], true).selector.select({ quiet: true });
    await machine(['cpu'], [], true).selector.select();
    expect(lines).toEqual([]);
  } finally {
    write.mockRestore();
  }
});

test('where none opens of those that could have won, the others are looked for', async () => {
  const { choose, calls } = machine(['cpu'], TFJS.slice(2), false, ['native cpu']);
  expect(await choose()).toEqual(['tfjs wasm', 'native cpu']);
  expect(calls).toEqual(['probe native', 'open native cpu', 'probe tfjs', 'open tfjs wasm']);
});

test('asked for by name it stays an error', async () => {
  const { choose, calls } = machine(['cpu'], TFJS, false, ['native cpu']);
  expect((await failure(choose({ backend: 'native' }))).code).toBe('ERR_BACKEND_UNAVAILABLE');
  expect(calls).not.toContain('probe tfjs');
});
