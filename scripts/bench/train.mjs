#!/usr/bin/env node
/**
 * A training job, ours and its peers', side by side: interleaved runs, medians and ratios. Also `fusor bench train`.
 *
 *   node scripts/bench/train.mjs [--peers all|none|NAME,NAME] [--repetitions 5] [--epochs 10] [--threads N] [--save]
 *                                [--layers 128] [--batch-size 32] | [--net 4096-4096-4096 --batch-size 512 --steps 8]
 *
 * Every contender does the same job in a process of its own: real MNIST, 784-128-10, batch 32, Adam, accuracy and
 * validation each epoch; --layers and --batch-size change the job, and leave tfjs out. Times cover `fit` alone. --net: a net of
 * these widths on random rows and labels instead, for --steps steps, against PyTorch and JAX, no validation. A NAME is any part of a peer's name. The peers are
 * installed into the cache folder at the first call. --save writes results/train.json, or train-NET.json.
 */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runMain } from '../lib/failure.mjs';
import { documentOf, fusorTrain, here, jsonOf, machineLine, median, note } from './common.mjs';
import { preparePeers } from './peers.mjs';

/** @returns the document, as in results/ */
export async function benchTrain({
  peers = 'all',
  repetitions = 5,
  epochs = 10,
  threads = availableParallelism(),
  layers = '128',
  batchSize = 32,
  net,
  steps = 8,
  save = false,
}) {
  const job = { epochs, threads, layers: String(layers), batchSize, net, steps };
  const flagship = !net && job.layers === '128' && Number(batchSize) === 32;
  const wanted = peers.split(',').filter((name) => name !== 'none');
  const chosen = wanted.length > 0 ? await preparePeers(job, wanted, flagship) : {};
  const contenders = {
    'fusor native': () => fusor(job, 'auto'),
    'fusor native, framework kernels': () => fusor(job, 'framework'),
    ...Object.fromEntries(Object.entries(chosen).map(([name, words]) => [name, () => jsonOf(words)])),
  };
  const results = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let i = 0; i < repetitions; i++) {
    for (const [name, contender] of Object.entries(contenders)) {
      note(`round ${i + 1} of ${repetitions}: ${name}`);
      results[name].push(await contender());
    }
  }
  const kind = net ? ['--net', net, '--steps', steps] : ['--layers', layers, '--epochs', epochs];
  const words = [...kind, '--batch-size', batchSize, '--peers', `"${peers}"`, '--repetitions', repetitions];
  const command = ['node scripts/bench/train.mjs', ...words, '--threads', threads, '--save'].join(' ');
  const name = flagship ? 'train' : `train-${net ?? `784-${job.layers.replaceAll(',', '-')}-10`}`;
  return documentOf(name, command, { job, rows: rowsOf(results) }, save);
}

async function fusor({ epochs, threads, layers, batchSize, net, steps }, kernels) {
  if (net) {
    const options = { net, steps, threads, 'batch-size': batchSize, kernels };
    const flags = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);
    return jsonOf([process.execPath, path.join(here, 'net.mjs'), ...flags]);
  }
  const flags = { epochs, threads, layers, 'batch-size': batchSize, seed: 7, backend: 'native', kernels };
  const run = await fusorTrain(Object.entries(flags).flatMap(([key, value]) => [`--${key}`, value]));
  const { fitSeconds, stepMicroseconds } = run.timing;
  const { versions, kernels: ran, isa } = run.backend;
  const loss = run.history.at(-1).loss;
  return { fitSeconds, stepMicroseconds, loss, testAccuracy: run.test.accuracy, versions, kernels: ran, isa };
}

/** @param results by contender, in rounds; the first contender is what the others are held against */
export function rowsOf(results) {
  const [first] = Object.values(results);
  return Object.entries(results).map(([name, all]) => {
    const steps = all.map((r) => r.stepMicroseconds);
    // Round by round: what drifts on the machine drifts for both. By fit where there is one, else by step.
    const times = all.map(({ fitSeconds, stepMicroseconds }, i) =>
      fitSeconds === null ? stepMicroseconds / first[i].stepMicroseconds : fitSeconds / first[i].fitSeconds,
    );
    return {
      name,
      stepMicroseconds: { median: median(steps), min: Math.min(...steps), max: Math.max(...steps) },
      fitSeconds: all[0].fitSeconds === null ? null : median(all.map((r) => r.fitSeconds)),
      timesFusor: median(times),
      // As the issue of speed is asked: by step, whatever validation and shuffling cost.
      stepTimesFusor: median(steps.map((step, i) => step / first[i].stepMicroseconds)),
      loss: all[0].loss,
      testAccuracy: all[0].testAccuracy,
      versions: all[0].versions,
      ...(all[0].kernels && { kernels: all[0].kernels, isa: all[0].isa }),
    };
  });
}

/** The document as a person reads it. */
export function markdownOf({ machine, job, rows }) {
  const whole = job.net ? `${job.steps} steps` : `${job.epochs} epochs`;
  const lines = rows.map(({ name, stepMicroseconds: step, fitSeconds, timesFusor, testAccuracy }) => {
    const spread = `${step.median.toFixed(0)} (${step.min.toFixed(0)}–${step.max.toFixed(0)})`;
    const fit = fitSeconds === null ? '–' : `${fitSeconds.toFixed(2)} s`;
    const accuracy = testAccuracy === null ? '–' : `${(100 * testAccuracy).toFixed(2)} %`;
    return `| ${name} | ${spread} | ${fit} | ${timesFusor.toFixed(2)} | ${accuracy} |`;
  });
  return [
    machineLine(machine),
    '',
    `| | µs a step (min–max) | fit, ${whole} | times fusor | test accuracy |`,
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

await runMain(import.meta.url, async () => {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: {
      peers: text,
      repetitions: text,
      epochs: text,
      threads: text,
      layers: text,
      'batch-size': text,
      net: text,
      steps: text,
      save: { type: 'boolean' },
    },
  });
  const { 'batch-size': batchSize, ...rest } = values;
  console.log(markdownOf(await benchTrain({ ...rest, ...(batchSize && { batchSize }) })));
  return 0;
});
