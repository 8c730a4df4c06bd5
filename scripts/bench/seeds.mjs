#!/usr/bin/env node
/**
 * Whether the backends learn as well as each other and as Keras: the flagship with several seeds on each.
 *
 *   node scripts/bench/seeds.mjs [--seeds 5] [--epochs 10] [--threads 2] [--save]
 *
 * Each run is a process of its own: real MNIST, 784-128-10, batch 32, Adam. A seed means the same weights and the same
 * order on native and tfjs-node, and others in Keras. Fails (exit 1) where two mean test accuracies are further apart
 * than the contract's 0.2 points. TensorFlow comes by `npx fusor tfjs install`, Keras into the cache folder at the
 * first call. --save writes results/seeds.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peerCommands, peersPython } from './peers.mjs';

const WITHIN = 0.002;

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5' },
    epochs: { type: 'string', default: '10' },
    threads: { type: 'string', default: '2' },
    save: { type: 'boolean', default: false },
  },
});
const { epochs, threads } = options;
const seeds = Array.from({ length: Number(options.seeds) }, (_, i) => i + 1);

const runs = mkdtempSync(path.join(os.tmpdir(), 'fusor-seeds-'));
const run = ([file, ...args]) =>
  JSON.parse(
    execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split('\n')
      .at(-1),
  );
function fusor(seed, ...flags) {
  const fixed = ['--epochs', epochs, '--threads', threads, '--seed', seed, '--json'];
  const folder = path.join(runs, `${flags.join('')}-${seed}`);
  const command = path.join(here, '..', 'fusor.mjs');
  const { test, backend } = run([
    process.execPath,
    command,
    'train',
    ...fixed,
    '--run-dir',
    folder,
    ...flags,
  ]);
  return { accuracy: test.accuracy, versions: backend.versions };
}
const keras = peerCommands({ python: peersPython(), epochs, threads })['Keras on TensorFlow'];
const contenders = {
  native: (seed) => fusor(seed, '--backend', 'native'),
  'tfjs-node': (seed) => fusor(seed, '--tfjs-engine', 'node'),
  Keras: (seed) => {
    const { testAccuracy, versions } = run([...keras, '--seed', seed]);
    return { accuracy: testAccuracy, versions };
  },
};

const rows = Object.entries(contenders).map(([name, contender]) => {
  const results = seeds.map((seed) => {
    process.stderr.write(`\r${name}: seed ${seed} of ${seeds.length}`.padEnd(50));
    return contender(String(seed));
  });
  const testAccuracy = results.map(({ accuracy }) => accuracy);
  const mean = testAccuracy.reduce((sum, value) => sum + value, 0) / seeds.length;
  return { name, mean, testAccuracy, versions: results[0].versions };
});
process.stderr.write(`\r${' '.repeat(50)}\r`);
rmSync(runs, { recursive: true, force: true });

const percent = (value) => (100 * value).toFixed(2);
console.log(`| | mean test accuracy | ${seeds.map((seed) => `seed ${seed}`).join(' | ')} |`);
console.log(`|---|---|${seeds.map(() => '---|').join('')}`);
for (const { name, mean, testAccuracy } of rows)
  console.log(`| ${name} | ${percent(mean)} % | ${testAccuracy.map(percent).join(' | ')} |`);
const means = rows.map(({ mean }) => mean);
const apart = Math.max(...means) - Math.min(...means);
const ok = apart <= WITHIN;
console.log(`\nmeans ${percent(apart)} points apart, ${percent(WITHIN)} allowed: ${ok ? 'ok' : 'NOT OK'}`);

if (options.save) {
  const document = {
    command: `node scripts/bench/seeds.mjs --seeds ${seeds.length} --epochs ${epochs} --threads ${threads} --save`,
    date: new Date().toISOString(),
    machine: { cpu: os.cpus()[0].model, cores: os.availableParallelism(), node: process.version },
    pointsApart: 100 * apart,
    rows,
  };
  writeFileSync(path.join(here, 'results', 'seeds.json'), `${JSON.stringify(document, null, 2)}\n`);
}
process.exitCode = ok ? 0 : 1;
