#!/usr/bin/env node
// Everything that needs a GPU, in under ten minutes: builds against the libtorch of python3, then the kernel gate, the
// conformance suite, compute-sanitizer, failures, and the benchmarks beside PyTorch and JAX. One JSON, written after every step, so
// that what ended early leaves what it had. A step that fails or runs out of time is recorded, and the next one begins.
//   scripts/gpu/verify [--out FILE] [--minutes 9] [--only build,gate,…] [--rounds 2] [--ways PATTERN] [--dry-run]
// --rounds: of the flagship beside its peers. --ways: measures those alone whose name matches.
// --dry-run: the CPU plays the GPU and PyTorch runs on it, with few steps: shows that all of it starts.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildNative, findLibtorch } from '../build-native.mjs';
import { runMain } from '../lib/failure.mjs';
import { buildKernelTests } from '../lib/kernel-tests.mjs';
import { buildDir, root } from '../lib/paths.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    minutes: { type: 'string', default: '9' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '2' },
    ways: { type: 'string', default: '' },
    'dry-run': { type: 'boolean', default: false },
  },
});
const dry = values['dry-run'];
const out = values.out ?? join(process.env.OUT ?? buildDir, 'gpu.json');
// From where the shell began: unpacking counts, too.
const begun = Number(process.env.FUSOR_VERIFY_BEGUN ?? 0) * 1000 || Date.now();
const left = () => Number(values.minutes) * 60 - (Date.now() - begun) / 1000;
// Of its own: pack.mjs puts compiled kernels there.
const cache = join(buildDir, 'gpu-cache');
const peers = join(root, 'scripts', 'bench', 'peers');
const env = {
  ...process.env,
  ...(dry ? { FUSOR_PLAYED_GPU: '1' } : { LIBTORCH_USE_PYTORCH: '1', FUSOR_CACHE: cache }),
};
const report = {
  schema: 'fusor.gpu',
  version: 1,
  dryRun: dry,
  startedAt: new Date().toISOString(),
  steps: {},
};

/** Runs a program to its end or its limit, whatever it ends with. */
function program(command, args, { limit = 120, more = {} } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, env: { ...env, ...more }, detached: true });
    let text = '';
    let errors = '';
    let timedOut = false;
    const end = () => {
      timedOut = true;
      try {
        process.kill(-child.pid, 'SIGKILL'); // with all that it started
      } catch {}
    };
    const timer = setTimeout(end, 1000 * Math.max(1, Math.min(limit, left())));
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors = (errors + chunk).slice(-4000);
    });
    const settle = (status) => {
      clearTimeout(timer);
      done({ status, timedOut, text, errors: errors.slice(-1500) });
    };
    child.once('error', (error) => settle(error.message));
    child.once('close', (status, signal) => settle(status ?? signal));
  });
}

/** The last line as JSON; what went wrong where it is none. */
async function json(command, args, options) {
  const { status, timedOut, text, errors } = await program(command, args, options);
  try {
    return JSON.parse(text.trimEnd().split('\n').at(-1));
  } catch {
    return { failed: timedOut ? 'out of time' : `status ${status}`, errors };
  }
}

const measured = (way) => new RegExp(values.ways).test(way);
// All others need the build; `flagship` means flagship-again, too.
const wanted = (name) =>
  !values.only ||
  ['machine', 'build'].includes(name) ||
  values.only.split(',').some((each) => name === each || name === `${each}-again`);

async function step(name, work) {
  if (!wanted(name)) return;
  const from = Date.now();
  let result;
  try {
    result = left() > 5 ? await work() : { failed: 'no time left' };
  } catch (error) {
    result = { failed: error.message };
  }
  report.steps[name] = { seconds: (Date.now() - from) / 1000, result };
  report.seconds = (Date.now() - begun) / 1000;
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(report, null, 1)}\n`);
  process.stderr.write(
    `${name}: ${report.steps[name].seconds.toFixed(1)} s · ${JSON.stringify(result).slice(0, 300)}\n`,
  );
}

/** What of a step's result did not go well, each with where it stands. */
function faultsIn(result, at = '') {
  if (result === null || typeof result !== 'object') return [];
  const { status, timedOut, failed, failures } = result;
  const said = [timedOut && 'out of time', failed, ...(failures ?? [])].filter(Boolean);
  if (said.length === 0 && status !== undefined && status !== 0) said.push(`status ${status}`);
  return [
    ...said.map((one) => `${at}: ${one}`),
    ...Object.entries(result).flatMap(([key, value]) => faultsIn(value, `${at} ${key}`)),
  ];
}

let torch;
let gate;
const fusor = (args, options) =>
  json(process.execPath, [join(root, 'scripts', 'fusor.mjs'), ...args, '--json'], options);

/** Where PyTorch's wheels keep NVRTC. */
function nvrtcFolder() {
  const wheels = join(torch.path, '..', 'nvidia');
  const folders = existsSync(wheels) ? readdirSync(wheels) : [];
  const found = folders.find((name) => name === 'cuda_nvrtc' || /^cu1\d$/.test(name));
  return found ? join(wheels, found, 'lib') : join(torch.path, 'lib');
}

const counted = ({ status, timedOut, text, errors }) => ({
  status,
  ...(timedOut && { failed: 'out of time' }),
  last: text.trimEnd().split('\n').at(-1),
  failures: text.split('\n').filter((line) => line.startsWith('FAIL')),
  ...(status !== 0 && { errors }),
});
const gpuTest = (mode, more = [], options = {}) =>
  program(gate, [mode, '--nvrtc', nvrtcFolder(), '--cache', join(cache, 'kernels'), ...more], {
    limit: 90,
    ...options,
  });

async function machine() {
  const query = ['--query-gpu=name,driver_version,memory.total,clocks.sm', '--format=csv,noheader'];
  const python = 'import torch, json; print(json.dumps([torch.__version__, torch.version.cuda]))';
  return {
    gpu: (await program('nvidia-smi', query)).text.trim(),
    node: process.version,
    cores: availableParallelism(),
    torch: await json('python3', ['-c', python]),
  };
}

const kinds = dry ? ['framework'] : ['fused', 'framework'];

/** The last of all: each shape's kernels are compiled, which may take what time is left; they are kept, so a second call goes further. */
async function conformance() {
  const targets = dry ? ['native-framework-played'] : kinds.map((kernels) => `native-${kernels}-cuda`);
  const more = { FUSOR_REQUIRE: targets.join(','), ...(dry && { FUSOR_CONFORMANCE_SHORT: '1' }) };
  const test = (target) => {
    const filter = dry ? `conformance/data.test.ts@${target}` : `@${target}`;
    return program(process.execPath, [join(root, 'scripts', 'test.mjs'), filter], { limit: 240, more });
  };
  return Promise.all(
    targets.map(async (target) => {
      const { status, timedOut, text, errors } = await test(target);
      return {
        target,
        status,
        timedOut,
        last: text.trimEnd().split('\n').at(-1),
        ...(status !== 0 && { errors }),
      };
    }),
  );
}

/** Side by side: each has few blocks, and most of the time goes into starting. */
async function sanitizers() {
  const tools = ['memcheck', 'racecheck', 'initcheck', 'synccheck'];
  const jobs = tools.flatMap((tool) => [
    [tool, []],
    [`${tool}, grid`, ['--steps', 'grid']],
  ]);
  const run = async ([name, more]) => {
    const subject = [
      gate,
      'train',
      '--nvrtc',
      nvrtcFolder(),
      '--cache',
      join(cache, 'kernels'),
      '--part',
      '1/13',
      ...more,
    ];
    // Of clusters it follows more barriers than it has room for by itself.
    const room = name.startsWith('synccheck') ? ['--num-cuda-barriers', '65536'] : [];
    const args = ['--tool', name.split(',')[0], ...room, '--error-exitcode', '9', ...subject];
    const { status, timedOut, text } = await program('compute-sanitizer', args, { limit: 110 });
    const said = text.split('\n').filter((line) => /^=========/.test(line));
    return [name, { status, timedOut, said: said.slice(0, 20), summary: said.at(-1) }];
  };
  return Object.fromEntries(await Promise.all(jobs.map(run)));
}

const net = (job) =>
  json(process.execPath, [
    join(root, 'scripts', 'gpu', 'train-net.cjs'),
    JSON.stringify({ device: 'cuda', ...job }),
  ]);

/** A batch that no GPU holds: the error names one that fits, and the model trains on. */
const failures = async () => ({
  ...(!dry && { memory: counted(await gpuTest('memory')), sticky: counted(await gpuTest('sticky')) }),
  batch: await net({
    kernels: 'framework',
    widths: dry ? [16, 64, 10] : [16, 16384, 10],
    batchSize: dry ? 64 : 4_000_000,
    steps: 1,
  }),
});

/** @param begin the first round of it @param end before which it ends */
async function flagship(begin, end) {
  const data = await mnistFolder();
  const epochs = dry ? '1' : '10';
  const rows = [];
  const ours = (kernels, more) => async (epochs) => {
    const args = [
      'train',
      '--backend',
      'native',
      '--device',
      'cuda',
      '--kernels',
      kernels,
      '--epochs',
      epochs,
      '--seed',
      '7',
    ];
    const where = [
      '--run-dir',
      join(buildDir, 'gpu-runs', `${kernels}-${Date.now()}`),
      '--fallback',
      'never',
      '--checkpoint',
      'none',
    ];
    const few = dry ? ['--limit', '2000'] : [];
    const { timing, test, failed, errors, backend } = await fusor([...args, ...where, ...few, '--quiet'], {
      more,
    });
    return failed ? { failed, errors } : { ...timing, testAccuracy: test.accuracy, backend };
  };
  const device = dry ? ['--device', 'cpu'] : [];
  const pytorch = (mode) => () =>
    json('python3', [join(peers, 'pytorch_cuda.py'), mode, data, '--epochs', dry ? '1' : '2', ...device]);
  const jax = () =>
    json(
      'python3',
      [join(peers, 'jax_scan.py'), data, '--epochs', epochs, '--threads', String(availableParallelism())],
      {
        more: { JAX_DEFAULT_MATMUL_PRECISION: 'highest' },
      },
    );
  const ways = {
    ...Object.fromEntries(kinds.map((kernels) => [`fusor ${kernels}`, ours(kernels)])),
    ...(!dry && {
      'fusor fused, grid': ours('fused', { FUSOR_CUDA_STEPS: 'grid' }),
      'fusor fused, graph': ours('fused', { FUSOR_CUDA_STEPS: 'graph' }),
    }),
    'PyTorch eager': pytorch('eager'),
    ...(!dry && {
      'PyTorch compile': pytorch('compile'),
      'PyTorch graphs': pytorch('graphs'),
      'JAX scan': jax,
    }),
  };
  // Compiling kernels is not training: the peers do it before they are timed, ours are kept from an epoch before.
  for (const [way, run] of begin > 0 ? [] : Object.entries(ways)) {
    if (way.startsWith('fusor') && measured(way)) await run('1');
  }
  for (let round = begin; round < end; round++) {
    for (const [way, run] of Object.entries(ways)) {
      if (!measured(way)) continue;
      if (left() < 20) break;
      rows.push({ way, round, ...(await run(epochs)) });
    }
  }
  return rows;
}

/** What stamping costs, whether what is stamped adds up to a step, and what the step is made of. */
async function profile() {
  const few = dry ? ['--limit', '2000', '--rounds', '2'] : ['--rounds', '9'];
  const of = async (kernels, more = {}) => {
    const names = kernels.map((name) => `native:${name}@cuda:0`).join(',');
    const flags = ['--variants', names, '--seed', '7', '--epochs', '0', ...few];
    const { variants, ceilings, failed, errors } = await fusor(['profile', ...flags], { more });
    if (failed) return { failed, errors };
    const rows = variants.map(({ name, ranOn, step, stampingCost, coverage, ops }) => {
      const told = ops.map((op) => ({
        name: op.name,
        calls: op.calls,
        micros: op.self.median,
        ofCeiling: op.ofCeiling,
      }));
      return { name, ranOn, stepMicroseconds: step.median, stampingCost, coverage, ops: told };
    });
    return { ceilings, rows };
  };
  return {
    variants: await of(kinds),
    ...(!dry && {
      grid: await of(['fused'], { FUSOR_CUDA_STEPS: 'grid' }),
      graph: await of(['fused'], { FUSOR_CUDA_STEPS: 'graph' }),
    }),
  };
}

async function mnistFolder() {
  const { MNIST } = { MNIST: join(buildDir, 'gpu-mnist') };
  const unpack = `
    const { gunzipSync } = require('node:zlib'), fs = require('node:fs'), path = require('node:path');
    const { findDataset, locateDataset } = require('./dist/data/registry');
    const from = locateDataset(findDataset('mnist'), {});
    fs.mkdirSync(process.argv[1], { recursive: true });
    for (const name of fs.readdirSync(from).filter((name) => /ubyte/.test(name))) {
      const bytes = fs.readFileSync(path.join(from, name));
      const plain = bytes[0] === 0x1f ? gunzipSync(bytes) : bytes;
      fs.writeFileSync(path.join(process.argv[1], name.replace(/\\.gz$/, '').replace('.idx', '-idx')), plain);
    }`;
  await program(process.execPath, ['-e', unpack, MNIST]);
  return MNIST;
}

async function large() {
  const widths = dry ? [64, 64, 64] : [4096, 4096, 4096];
  const batchSize = dry ? 32 : 8192;
  const steps = dry ? 3 : 24;
  const rows = [];
  for (const precision of dry ? ['fp32'] : ['bf16', 'tf32', 'fp32']) {
    for (const kernels of precision === 'fp32' ? kinds : ['framework']) {
      if (!measured(`fusor ${kernels}`)) continue;
      rows.push({
        way: `fusor ${kernels}`,
        precision,
        ...(await net({ kernels, precision, widths, batchSize, steps })),
      });
    }
    for (const mode of dry ? ['eager'] : ['compile']) {
      if (!measured(`PyTorch ${mode}`)) continue;
      const shape = [
        '--net',
        widths.join('-'),
        '--batch-size',
        String(batchSize),
        '--steps',
        String(steps),
        '--precision',
        precision,
      ];
      const args = [join(peers, 'pytorch_cuda.py'), mode, '-', ...shape, ...(dry ? ['--device', 'cpu'] : [])];
      rows.push({ way: `PyTorch ${mode}`, precision, ...(await json('python3', args)) });
    }
  }
  return rows;
}

await runMain(import.meta.url, async () => {
  await step('machine', machine);
  // Each without the other: the gate needs no libtorch to build, only where its NVRTC lies.
  await step('build', async () => {
    torch = await findLibtorch({ env });
    const [addon, program] = await Promise.allSettled([
      buildNative({ env, found: torch }),
      buildKernelTests({ target: 'fusor_gpu_test', env }),
    ]);
    gate = program.value;
    const failed = [addon, program].map(({ reason }) => reason?.message).filter(Boolean);
    const { version, variant, path } = torch;
    return { libtorch: version, variant, path, ...(failed.length && { failed }) };
  });
  // Side by side: most of the time goes into compiling, on one core each.
  const parts = Array.from({ length: 8 }, (_, i) => `${i}/8`);
  const gateOf = (...more) =>
    Promise.all(parts.map(async (part) => counted(await gpuTest('train', [...more, '--part', part]))));
  const timeOf = async (...more) => {
    const told = await gpuTest('time', more);
    return { ...counted(told), lines: told.text.trimEnd().split('\n') };
  };
  // What is worth most comes first: what the time does not suffice for is at the end.
  if (!dry) {
    await step('gate', async () => ({ cluster: await gateOf() }));
    await step('time', async () => {
      const [cluster, grid, graph] = [
        await timeOf(),
        await timeOf('--steps', 'grid'),
        await timeOf('--steps', 'graph'),
      ];
      const weights = ({ lines }) => lines.join(' ').match(/weights [0-9a-f]{16}/g) ?? [];
      const [some, others] = [weights(grid), weights(graph)];
      const same = some.length > 0 && some.join() === others.join();
      return { ...(!same && { failed: 'grid and graph have other bits' }), cluster, grid, graph };
    });
  }
  await step('flagship', () => flagship(0, 1));
  await step('large', large);
  await step('profile', profile);
  if (!dry) await step('gate-grid', async () => ({ grid: await gateOf('--steps', 'grid') }));
  await step('devices', () => fusor(['devices']));
  await step('failures', failures);
  if (!dry) await step('sanitizers', sanitizers);
  await step('conformance', conformance);
  if (!dry) await step('flagship-again', () => flagship(1, Number(values.rounds)));
  process.stdout.write(`${out}\n`);
  const faults = Object.entries(report.steps).flatMap(([name, { result }]) => faultsIn(result, name));
  for (const fault of faults) process.stderr.write(`FAIL ${fault}\n`);
  return faults.length > 0 && !dry ? 1 : 0;
});
