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
import { parseArgs } from 'node:util';
import { documentOf, fusorTrain, jsonOf, note } from './common.mjs';
import { preparePeers } from './peers.mjs';

const WITHIN = 0.002;

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

async function fusor(seed, ...flags) {
  const words = [...flags, '--epochs', epochs, '--threads', threads, '--seed', seed];
  const { test, backend } = await fusorTrain(words);
  return { accuracy: test.accuracy, versions: backend.versions };
}
const peer = 'Keras on TensorFlow';
// Other peers' names hold this one's.
const { [peer]: keras } = await preparePeers({ epochs, threads, layers: '128', batchSize: 32 }, [peer], true);
const contenders = {
  native: (seed) => fusor(seed, '--backend', 'native'),
  'tfjs-node': (seed) => fusor(seed, '--tfjs-engine', 'node'),
  Keras: async (seed) => {
    const { testAccuracy, versions } = await jsonOf([...keras, '--seed', seed]);
    return { accuracy: testAccuracy, versions };
  },
};

const rows = [];
for (const [name, contender] of Object.entries(contenders)) {
  const results = [];
  for (const seed of seeds) {
    note(`${name}: seed ${seed} of ${seeds.length}`);
    results.push(await contender(String(seed)));
  }
  const testAccuracy = results.map(({ accuracy }) => accuracy);
  const mean = testAccuracy.reduce((sum, value) => sum + value, 0) / seeds.length;
  rows.push({ name, mean, testAccuracy, versions: results[0].versions });
}

const percent = (value) => (100 * value).toFixed(2);
console.log(`| | mean test accuracy | ${seeds.map((seed) => `seed ${seed}`).join(' | ')} |`);
console.log(`|---|---|${seeds.map(() => '---|').join('')}`);
for (const { name, mean, testAccuracy } of rows)
  console.log(`| ${name} | ${percent(mean)} % | ${testAccuracy.map(percent).join(' | ')} |`);
const means = rows.map(({ mean }) => mean);
const apart = Math.max(...means) - Math.min(...means);
const ok = apart <= WITHIN;
console.log(`\nmeans ${percent(apart)} points apart, ${percent(WITHIN)} allowed: ${ok ? 'ok' : 'NOT OK'}`);

const command = `node scripts/bench/seeds.mjs --seeds ${seeds.length} --epochs ${epochs} --threads ${threads} --save`;
documentOf('seeds', command, { pointsApart: 100 * apart, rows }, options.save);
process.exitCode = ok ? 0 : 1;
