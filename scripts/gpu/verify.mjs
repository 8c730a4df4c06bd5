#!/usr/bin/env node
// Everything that needs a GPU, in under ten minutes: builds against the libtorch of python3, then the kernel gate, the
// conformance suite, compute-sanitizer, failures, and the benchmarks beside PyTorch and JAX. One JSON, written after every step, so
// that what ended early leaves what it had. A step that fails or runs out of time is recorded, and the next one begins.
//   scripts/gpu/verify [--out FILE] [--minutes 9] [--only build,gate,…] [--rounds 2] [--ways PATTERN] [--dry-run]
// --rounds: of the flagship beside its peers. --ways: measures those alone whose name matches.
// --dry-run: the CPU plays the GPU and PyTorch runs on it, with few steps: shows that all of it starts.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { buildNative, findLibtorch } from '../build-native.mjs';
import { runMain } from '../lib/failure.mjs';
import { writeAtomically } from '../lib/files.mjs';
import { buildKernelTests } from '../lib/kernel-tests.mjs';
import { root } from '../lib/paths.mjs';
import { gateSteps } from './gate.mjs';
import { flagship, large, profile } from './measure.mjs';
import { begun, dry, kinds, left, out, rounds, wanted } from './options.mjs';
import { env, fusor, json, lastLine, program, trainNet } from './program.mjs';

const report = {
  schema: 'fusor.gpu',
  version: 1,
  dryRun: dry,
  startedAt: new Date().toISOString(),
  steps: {},
};

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
  writeAtomically(out, `${JSON.stringify(report, null, 1)}\n`);
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

/** A batch that no GPU holds: the error names one that fits, and the model trains on. */
const tooLargeBatch = () =>
  trainNet({
    kernels: 'framework',
    widths: dry ? [16, 64, 10] : [16, 16384, 10],
    batchSize: dry ? 64 : 4_000_000,
    steps: 1,
  });

/** The last of all: each shape's kernels are compiled, which may take what time is left; they are kept, so a second call goes further. */
function conformance() {
  const targets = dry ? ['native-framework-played'] : kinds.map((kernels) => `native-${kernels}-cuda`);
  const more = { FUSOR_REQUIRE: targets.join(','), ...(dry && { FUSOR_CONFORMANCE_SHORT: '1' }) };
  const test = async (target) => {
    const filter = dry ? `conformance/data.test.ts@${target}` : `@${target}`;
    const args = [join(root, 'scripts', 'test.mjs'), filter];
    const { status, timedOut, text, errors } = await program(process.execPath, args, { limit: 240, more });
    return { target, status, timedOut, last: lastLine(text), ...(status !== 0 && { errors }) };
  };
  return Promise.all(targets.map(test));
}

await runMain(import.meta.url, async () => {
  await step('machine', machine);
  let gate;
  // Each without the other: the gate needs no libtorch to build, only where its NVRTC lies.
  await step('build', async () => {
    const torch = await findLibtorch({ env });
    const [addon, tests] = await Promise.allSettled([
      buildNative({ env, found: torch }),
      buildKernelTests({ target: 'fusor_gpu_test', env }),
    ]);
    gate = gateSteps(tests.value, torch);
    const failed = [addon, tests].map(({ reason }) => reason?.message).filter(Boolean);
    const { version, variant, path } = torch;
    return { libtorch: version, variant, path, ...(failed.length && { failed }) };
  });
  // What is worth most comes first: what the time does not suffice for is at the end.
  if (!dry) await step('gate', async () => ({ cluster: await gate.train() }));
  if (!dry) await step('time', () => gate.times());
  await step('flagship', () => flagship(0, 1));
  await step('large', large);
  await step('profile', profile);
  if (!dry) await step('gate-grid', async () => ({ grid: await gate.train('--steps', 'grid') }));
  await step('devices', () => fusor(['devices']));
  await step('failures', async () => ({
    ...(!dry && (await gate.failures())),
    batch: await tooLargeBatch(),
  }));
  if (!dry) await step('sanitizers', () => gate.sanitizers());
  await step('conformance', conformance);
  if (!dry) await step('flagship-again', () => flagship(1, rounds));
  process.stdout.write(`${out}\n`);
  const faults = Object.entries(report.steps).flatMap(([name, { result }]) => faultsIn(result, name));
  for (const fault of faults) process.stderr.write(`FAIL ${fault}\n`);
  return faults.length > 0 && !dry ? 1 : 0;
});
