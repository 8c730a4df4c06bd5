/** The driver and NVRTC as they may be: absent, old, failing, hanging, and with a device that is lost on the way. No GPU is needed. */
import { execFile } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment, fusor } from '../support/cli';
import { run as ending, repository, temporaryFolder } from '../support/script';
import { noteSkip } from '../support/skip';
import { buildStubs } from './cuda-stubs';
import { driverTest, gpuTest } from './sanitized';

const run = promisify(execFile);
const folder = temporaryFolder();
const addon = join(repository, 'build', 'fusor.node');
let stubs: { driver: string; nvrtc: string };
let program: string;

beforeAll(async () => {
  stubs = buildStubs(folder);
  program = await driverTest();
}, 300_000);

/** The lines that the steps print, by step; fails where the program did not end by itself. */
async function steps(names: string, env: Record<string, string> = {}, cache = '', nvrtc = stubs.nvrtc) {
  const compiled = join(folder, 'compiled');
  writeFileSync(compiled, '');
  const { stdout } = await run(program, [cache, nvrtc, ...names.split(' ')], {
    env: { PATH: process.env.PATH, LD_LIBRARY_PATH: stubs.driver, COMPILED: compiled, ...env },
    timeout: 30_000,
  });
  const lines = Object.fromEntries(
    stdout
      .trim()
      .split(/\n(?=[a-z]+ (?:ok|ERR_))/)
      .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
  );
  return { lines, compilations: readFileSync(compiled, 'utf8').split('\n').length - 1 };
}

test('what works: memory, launches, graphs, events', async () => {
  const { lines } = await steps('devices open compile launch graph events copy wait close');
  expect(lines).toMatchObject({
    devices: 'ok NVIDIA Stub 9.0',
    open: 'ok 1024 MiB',
    compile: 'ok once',
    launch: expect.stringMatching(/^ok ?$/),
    // A millisecond a launch.
    events: 'ok 3.000000',
    copy: 'ok Fifteen letters',
  });
  for (const line of Object.values(lines)) expect(line).toMatch(/^ok/);
});

test('blocks that wait for each other are as many as run at once, or not launched', async () => {
  const { lines } = await steps('open together crowd copy close');
  expect(lines).toMatchObject({ together: `ok ${8 * 132}`, copy: 'ok Fifteen letters', close: 'ok' });
  expect(lines.crowd).toMatch(/^ERR_NATIVE CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE.*grid 1057x1x1/);
  expect((await steps('open together close', { STUB: 'alone' })).lines.together).toBe('ok 0');
});

test('lack of memory names need and free, and leaves the device usable', async () => {
  const { lines } = await steps('open large copy launch close');
  expect(lines.large).toBe(
    'ERR_OUT_OF_MEMORY cuda:0 is out of memory: 400 MiB more are needed, 300 MiB of 1.0 GiB are free · native backend · use a smaller batch or model, or free memory of the GPU',
  );
  expect(lines.copy).toBe('ok Fifteen letters');
});

// The stub ends the process with 99 where a lost device is touched: also by what frees its memory.
test('after a sticky error nothing touches the device again', async () => {
  const { lines } = await steps('open copy graph launch wait launch copy compile open close', {
    STUB: 'sticky',
  });
  expect(lines.wait).toMatch(/^ERR_DEVICE_LOST CUDA_ERROR_ILLEGAL_ADDRESS: as the stub was told · cuda:0, /);
  for (const step of ['launch', 'copy', 'compile', 'open']) {
    expect(lines[step]).toMatch(/^ERR_DEVICE_LOST CUDA_ERROR_ILLEGAL_ADDRESS.*lost in this process/);
  }
  expect(lines.close).toBe('ok');
});

test('what does not compile or launch says what, and how it was asked for', async () => {
  const { lines } = await steps('open refuse wide copy close');
  expect(lines.refuse).toContain(
    'a kernel does not compile (NVRTC_ERROR_COMPILATION) · k.cu, k, --gpu-architecture=sm_90a',
  );
  expect(lines.refuse).toContain('line 1: nonsense');
  expect(lines.wide).toContain(
    'launching k, grid 1x1x1, block 2048x1x1, cluster 1, 65536 bytes of shared memory',
  );
  expect(lines.copy).toMatch(/^ok/);
});

test('compiled kernels are kept; a damaged one is made anew', async () => {
  const cache = join(folder, 'cache');
  expect((await steps('open compile close', {}, cache)).compilations).toBe(1);
  expect((await steps('open compile close', {}, cache)).compilations).toBe(0);
  const [file] = readdirSync(cache);
  expect(readdirSync(cache)).toHaveLength(1);
  const whole = readFileSync(join(cache, file));
  const damaged: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['cut', whole.subarray(0, -1)],
    ['a bit', Buffer.from(whole.map((byte, i) => (i === whole.length - 2 ? byte ^ 1 : byte)))],
    ['another file', Buffer.from('something else that is longer than a head')],
  ];
  for (const [, bytes] of damaged) {
    writeFileSync(join(cache, file), bytes);
    const { lines, compilations } = await steps('open compile close', {}, cache);
    expect([lines.compile, compilations]).toEqual(['ok once', 1]);
    expect(readFileSync(join(cache, file))).toEqual(whole);
  }
  // The same NVRTC in another place, and then another one.
  const elsewhere = join(folder, 'elsewhere');
  cpSync(stubs.nvrtc, elsewhere, { recursive: true });
  expect((await steps('open compile close', {}, cache, elsewhere)).compilations).toBe(0);
  appendFileSync(join(elsewhere, 'libnvrtc.so.13'), 'more');
  expect((await steps('open compile close', {}, cache, elsewhere)).compilations).toBe(1);
  // A folder that cannot be written keeps nothing, and nothing fails.
  writeFileSync(join(folder, 'a-file'), '');
  expect((await steps('open compile close', {}, join(folder, 'a-file'))).lines.compile).toBe('ok once');
});

test('an NVRTC that is newer than the driver, too old, or absent', async () => {
  const newer = (await steps('open compile', { STUB_NVRTC: '14' })).lines.compile;
  expect(newer).toContain('NVRTC 14.0 does not go with the NVIDIA driver, which serves CUDA 13.0');
  const older = (await steps('open compile', { STUB_NVRTC: '11' })).lines.compile;
  expect(older).toContain('NVRTC is too old: 11.0, fusor needs 12.1');
  const { stdout } = await run(program, ['', folder, 'open', 'compile'], {
    env: { LD_LIBRARY_PATH: stubs.driver },
  });
  expect(stdout).toContain(`NVRTC, which compiles the kernels, is not there · ${folder} · `);
});

const broken = join(folder, 'broken');
mkdirSync(broken);
writeFileSync(join(broken, 'libcuda.so.1'), 'no library');

// It runs where a GPU is; that it still builds has to be known before.
test('the program that trains on a GPU builds, and without a driver says so', async () => {
  const { status, stdout } = await ending(await gpuTest(), ['train'], { env: { LD_LIBRARY_PATH: broken } });
  expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringMatching(/^FAIL .*does not load/) });
}, 300_000);

describe('why there is no GPU to be had', () => {
  const none = { LD_LIBRARY_PATH: join(folder, 'none') };
  const cases: [string, Record<string, string>, RegExp, RegExp][] = [
    ['no driver', none, /^there is no NVIDIA driver here$/, /^install one, if there is an NVIDIA GPU/],
    [
      'a library that is none',
      { LD_LIBRARY_PATH: broken },
      /library does not load/,
      /^install the driver anew/,
    ],
    [
      'an old driver',
      { STUB: 'old' },
      /too old: it serves CUDA 11\.4, fusor needs 11\.8/,
      /^install driver 525/,
    ],
    ['no GPU', { STUB: 'none' }, /finds no GPU \(CUDA_ERROR_NO_DEVICE\)/, /nvidia-smi/],
    [
      'hidden ones',
      { STUB: 'none', CUDA_VISIBLE_DEVICES: '' },
      /CUDA_VISIBLE_DEVICES='' hides every/,
      /^unset/,
    ],
    [
      'another kernel module',
      { STUB: 'mismatch' },
      /its kernel module are of different versions/,
      /^restart/,
    ],
    [
      'a driver that fails',
      { STUB: 'failing' },
      /fails to start \(CUDA_ERROR_UNKNOWN\)/,
      /reload the driver/,
    ],
  ];

  test('seven reasons, each with its cure', async () => {
    const said = new Set<string>();
    for (const [name, env, reason, cure] of cases) {
      const [told, where, mend] = (await steps('devices', env)).lines.devices.split(' · ');
      expect([name, told]).toEqual([name, expect.stringMatching(/^ERR_BACKEND_UNAVAILABLE /)]);
      expect([name, told.slice(24)]).toEqual([name, expect.stringMatching(reason)]);
      expect([name, where, mend]).toEqual([name, 'libcuda.so.1', expect.stringMatching(cure)]);
      said.add(told);
    }
    expect(said.size).toBe(cases.length);
  });

  const built = existsSync(addon) ? test : test.skip;
  if (!existsSync(addon)) noteSkip('the native backend is not built');

  /** What the native backend finds, from a process of its own: the linker reads LD_LIBRARY_PATH at its start. */
  async function probe(env: Record<string, string>) {
    const program =
      "require('./dist/backend/native/provider').provider.probe().then((a) => console.log(JSON.stringify(a)))";
    const { stdout } = await run(process.execPath, ['-e', program], {
      cwd: repository,
      env: environment({ LD_LIBRARY_PATH: stubs.driver, ...env }),
      timeout: 100_000,
    });
    const candidates = JSON.parse(stdout);
    return { gpu: candidates[0], cpu: candidates.at(-1) };
  }

  built(
    'a driver that hangs or crashes costs the GPU, not the CPU',
    async () => {
      const hang = await probe({ STUB: 'hang', FUSOR_PROBE_SECONDS: '3' });
      expect(hang.gpu).toMatchObject({
        device: 'cuda',
        usable: false,
        reason: 'the probe gave no answer within 3 s',
      });
      const crash = await probe({ STUB: 'crash' });
      expect(crash.gpu).toMatchObject({ device: 'cuda', usable: false });
      expect(crash.gpu.reason).toContain('killed by SIGABRT');
      for (const { cpu } of [hang, crash]) expect(cpu).toMatchObject({ device: 'cpu', usable: true });
    },
    240_000,
  );

  built(
    'a CPU-only libtorch beside a GPU',
    async () => {
      const { variant } = JSON.parse(readFileSync(addon.replace('.node', '.json'), 'utf8'));
      if (variant !== 'cpu') return noteSkip(`libtorch is a ${variant} build`);
      const ran = await fusor(['devices', '--json'], { cwd: folder, env: { LD_LIBRARY_PATH: stubs.driver } });
      const gpu = JSON.parse(ran.stdout).devices.find(
        ({ device }: { device: string }) => device === 'cuda:0',
      );
      expect(gpu.reason).toMatch(/^libtorch [\d.]+ is a CPU build, beside NVIDIA Stub$/);
      expect(gpu.cure).toContain('FUSOR_LIBTORCH=cu130 npx fusor native fetch-libtorch');
    },
    120_000,
  );
});
