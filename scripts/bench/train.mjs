#!/usr/bin/env node
/**
 * The flagship against its peers, side by side: interleaved runs, medians and ratios.
 *
 *   node scripts/bench/train.mjs [--peers all|none|NAME,NAME] [--repetitions 5] [--epochs 10] [--threads 2] [--save]
 *
 * Every contender does the same job in a process of its own: real MNIST, 784-128-10, batch 32, Adam, accuracy and
 * validation each epoch. Times cover `fit` alone. A NAME is any part of a peer's name. The peers are installed into the
 * cache folder at the first call. --save writes results/train.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peerCommands, peersPython } from './peers.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    peers: { type: 'string', default: 'all' },
    repetitions: { type: 'string', default: '5' },
    epochs: { type: 'string', default: '10' },
    threads: { type: 'string', default: '2' },
    save: { type: 'boolean', default: false },
  },
});
const { epochs, threads } = options;

// Some machines export it, and it makes peers pick kernels for another processor.
const { OPENBLAS_CORETYPE, ...env } = process.env;
const run = ([file, ...args]) =>
  JSON.parse(
    execFileSync(file, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split('\n')
      .at(-1),
  );

const runs = mkdtempSync(path.join(os.tmpdir(), 'fusor-bench-'));
function fusor(...flags) {
  const fixed = [
    '--epochs',
    epochs,
    '--threads',
    threads,
    '--seed',
    '7',
    '--run-dir',
    path.join(runs, 'run'),
    '--json',
  ];
  rmSync(path.join(runs, 'run'), { recursive: true, force: true });
  const { timing, history, test, backend } = run([
    process.execPath,
    path.join(here, '..', 'fusor.mjs'),
    'train',
    ...fixed,
    ...flags,
  ]);
  const { kernels, isa, versions } = backend;
  const { fitSeconds, stepMicroseconds } = timing;
  return {
    fitSeconds,
    stepMicroseconds,
    loss: history.at(-1).loss,
    testAccuracy: test.accuracy,
    versions,
    kernels,
    isa,
  };
}

const wanted = options.peers.split(',').filter((name) => name !== 'none');
const peers = wanted.length === 0 ? {} : peerCommands({ python: peersPython(), epochs, threads });
const chosen = Object.entries(peers).filter(([name]) =>
  wanted.some((part) => part === 'all' || name.includes(part)),
);
const contenders = {
  'fusor native': () => fusor('--backend', 'native'),
  'fusor native, framework kernels': () => fusor('--backend', 'native', '--kernels', 'framework'),
  ...Object.fromEntries(chosen.map(([name, command]) => [name, () => run(command)])),
};

const results = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
for (let i = 0; i < Number(options.repetitions); i++) {
  for (const [name, contender] of Object.entries(contenders)) {
    process.stderr.write(`\rround ${i + 1} of ${options.repetitions}: ${name.padEnd(50)}`);
    results[name].push(contender());
  }
}
process.stderr.write(`\r${' '.repeat(80)}\r`);
rmSync(runs, { recursive: true, force: true });

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const [first] = Object.keys(contenders);
const rows = Object.entries(results).map(([name, all]) => {
  const steps = all.map((r) => r.stepMicroseconds);
  const whole = all[0].fitSeconds !== null;
  return {
    name,
    stepMicroseconds: { median: median(steps), min: Math.min(...steps), max: Math.max(...steps) },
    fitSeconds: whole ? median(all.map((r) => r.fitSeconds)) : null,
    // Pair by pair: what drifts on the machine drifts for both. By fit where there is one, else by step.
    timesFusor: median(
      all.map((r, i) =>
        whole
          ? r.fitSeconds / results[first][i].fitSeconds
          : r.stepMicroseconds / results[first][i].stepMicroseconds,
      ),
    ),
    loss: all[0].loss,
    testAccuracy: all[0].testAccuracy,
    versions: all[0].versions,
    ...(all[0].kernels && { kernels: all[0].kernels, isa: all[0].isa }),
  };
});

console.log(`| | µs a step (min–max) | fit, ${epochs} epochs | times fusor | test accuracy |`);
console.log('|---|---|---|---|---|');
for (const { name, stepMicroseconds: step, fitSeconds, timesFusor, testAccuracy } of rows) {
  const spread = `${step.median.toFixed(0)} (${step.min.toFixed(0)}–${step.max.toFixed(0)})`;
  const fit = fitSeconds === null ? '–' : `${fitSeconds.toFixed(2)} s`;
  const accuracy = testAccuracy === null ? '–' : `${(100 * testAccuracy).toFixed(2)} %`;
  console.log(`| ${name} | ${spread} | ${fit} | ${timesFusor.toFixed(2)} | ${accuracy} |`);
}

if (options.save) {
  const file = path.join(here, 'results', 'train.json');
  mkdirSync(path.dirname(file), { recursive: true });
  const { peers: names, repetitions } = options;
  const document = {
    command: `node scripts/bench/train.mjs --peers "${names}" --repetitions ${repetitions} --epochs ${epochs} --threads ${threads} --save`,
    date: new Date().toISOString(),
    machine: {
      cpu: os.cpus()[0].model,
      cores: os.availableParallelism(),
      memoryBytes: os.totalmem(),
      node: process.version,
      variables: Object.fromEntries(
        Object.entries(env).filter(([name]) => /^(OPENBLAS|MKL|OMP)_/.test(name)),
      ),
    },
    rows,
  };
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
}
