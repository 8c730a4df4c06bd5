#!/usr/bin/env node
// Whether framework kernels are faster anywhere: steps of nets drawn at random, on fused kernels and on those in turns.
//   node scripts/bench/random-nets.mjs [--nets 300] [--seed 1] [--save]
// Widths from 1 to 2,048, batches from 1 to 65,536, losses, activations, optimisers, dropout, floats and bytes, through the
// public API. --save writes results/random-nets.json.
import { parseArgs } from 'node:util';
import { layers, ndarray, sequential } from '../../dist/index.js';
import { randomUint32 } from '../../dist/random.js';
import { documentOf, note } from './common.mjs';

const WIDTHS = [
  1, 2, 3, 4, 5, 7, 8, 10, 13, 16, 17, 20, 24, 32, 33, 48, 64, 65, 96, 100, 128, 200, 256, 512, 784, 1024,
  2048,
];
const BATCHES = [1, 4, 16, 32, 64, 100, 128, 256, 512, 1000, 2048, 4096, 8192, 16384, 65536];
const LOSSES = {
  mse: [[1, 1, 2, 3, 5, 16, 50], 'linear'],
  mae: [[1, 1, 2, 3, 5, 16, 50], 'linear'],
  binaryCrossentropy: [[1, 1, 1, 5, 50], 'sigmoid'],
  sparseCategoricalCrossentropy: [[2, 3, 10, 26, 100, 1000], 'softmax'],
  categoricalCrossentropy: [[2, 3, 10, 26, 100], 'softmax'],
};
const ACTIVATIONS = ['relu', 'relu', 'relu', 'tanh', 'gelu', 'sigmoid', 'elu'];
const OPTIMIZERS = ['adam', 'adam', 'adam', 'sgd', 'rmsprop'];
const KINDS = ['fused', 'framework'];
// Of a net: products a step, and numbers of its rows, so that each takes a second.
const MOST_PRODUCTS = 2e9;
const MOST_NUMBERS = 4e7;
const FIT = 6e4; // microseconds, about
const TURNS = 4;
// Where neither is clearly faster, a neighbour on the machine may have decided: as many turns more, twice.
const CLEARLY = 1.1;

/** A net by its number: the same whenever it is drawn. */
function draw(seed, number) {
  const bits = randomUint32(16, seed, 5, 0, number);
  let at = 0;
  const pick = (list) => list[bits[at++] % list.length];
  const chance = (share) => bits[at++] / 2 ** 32 < share;
  const loss = pick(Object.keys(LOSSES));
  const hidden = Array.from({ length: bits[at++] % 3 }, () => pick(WIDTHS.filter((width) => width <= 1024)));
  return {
    net: [pick(WIDTHS), ...hidden, pick(LOSSES[loss][0])],
    batchSize: pick(BATCHES),
    loss,
    activation: pick(ACTIVATIONS),
    optimizer: pick(OPTIMIZERS),
    dropout: chance(0.15),
    bytes: chance(0.15),
  };
}

const productsOf = ({ net, batchSize }) =>
  net.slice(1).reduce((sum, width, i) => sum + width * net[i], 0) * batchSize;

function modelOf({ net, loss, activation, optimizer, dropout, bytes }, kernels) {
  const hidden = net
    .slice(1, -1)
    .flatMap((units) => [layers.dense(units, { activation }), ...(dropout ? [layers.dropout(0.3)] : [])]);
  const model = sequential([
    layers.input([net[0]]),
    ...(bytes ? [layers.rescaling(1 / 255)] : []),
    ...hidden,
    layers.dense(net.at(-1), { activation: LOSSES[loss][1] }),
  ]);
  const metrics = loss.endsWith('entropy') ? ['accuracy'] : [];
  model.compile({ optimizer, loss, metrics, backend: 'native', kernels, seed: 1 });
  return model;
}

/** Rows for a fit of some steps: of bytes most are zero. */
function dataOf(drawn, number) {
  const { net, batchSize, loss, bytes } = drawn;
  const [inputs, outputs] = [net[0], net.at(-1)];
  const steps = Math.min(
    1000,
    Math.ceil(FIT / (10 + batchSize * 0.02 * net.length + productsOf(drawn) / 3e4)),
  );
  const rows =
    batchSize * Math.max(3, Math.min(steps, Math.floor(MOST_NUMBERS / (inputs + outputs) / batchSize)));
  const random = randomUint32(rows * inputs, number, 5, 1, 0);
  const x = bytes
    ? Uint8Array.from(random, (value) => ((value >>> 8) % 4 === 0 ? value & 255 : 0))
    : Float32Array.from(random, (value) => value / 2 ** 32 - 0.5);
  const targets = randomUint32(rows * outputs, number, 5, 2, 0);
  if (loss === 'sparseCategoricalCrossentropy')
    return {
      rows,
      x: ndarray(x, [rows, inputs]),
      y: Int32Array.from({ length: rows }, (_, r) => targets[r] % outputs),
    };
  const values =
    loss === 'categoricalCrossentropy'
      ? Float32Array.from(targets, (_, i) =>
          Number(targets[Math.floor(i / outputs)] % outputs === i % outputs),
        )
      : Float32Array.from(targets, (value) => (loss === 'binaryCrossentropy' ? value & 1 : value / 2 ** 32));
  return { rows, x: ndarray(x, [rows, inputs]), y: ndarray(values, [rows, outputs]) };
}

/** The least time of a step on either, in microseconds. */
async function measure(drawn, number) {
  const { x, y } = dataOf(drawn, number);
  const models = KINDS.map((kernels) => modelOf(drawn, kernels));
  const least = KINDS.map(() => Number.POSITIVE_INFINITY);
  const isClear = () => least[1] > CLEARLY * least[0];
  for (let turn = 0; turn < TURNS || (turn < 3 * TURNS && !isClear()); turn++) {
    for (const [i, model] of models.entries()) {
      const { timing } = await model.fit(x, y, { epochs: 1, batchSize: drawn.batchSize, verbose: 0 });
      least[i] = Math.min(least[i], timing.stepMicroseconds);
    }
  }
  for (const model of models) await model.dispose();
  return least;
}

const { values: options } = parseArgs({
  options: {
    nets: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    save: { type: 'boolean', default: false },
  },
});
const [count, seed] = [Number(options.nets), Number(options.seed)];
const nets = [];
for (let number = 0; nets.length < count; number++) {
  const drawn = draw(seed, number);
  if (
    productsOf(drawn) > MOST_PRODUCTS ||
    3 * drawn.batchSize * (drawn.net[0] + drawn.net.at(-1)) > MOST_NUMBERS
  )
    continue;
  note(`net ${nets.length + 1} of ${count}`);
  const [fused, framework] = await measure(drawn, number);
  nets.push({ ...drawn, net: drawn.net.join('-'), fused, framework, ratio: framework / fused });
}
nets.sort((a, b) => a.ratio - b.ratio);
const at = (share) => nets[Math.min(count - 1, Math.floor(share * count))].ratio.toFixed(2);
console.log(
  `${count} nets: framework kernels take ${at(0)} (least), ${at(0.05)}, ${at(0.5)} (median), ${at(1)} times as long`,
);
const slower = nets.filter(({ ratio }) => ratio < 1);
console.log(`faster than fused ones at ${slower.length}`);
for (const {
  ratio,
  net,
  batchSize,
  loss,
  activation,
  optimizer,
  dropout,
  bytes,
  fused,
  framework,
} of slower) {
  const more = [activation, optimizer, ...(dropout ? ['dropout'] : []), ...(bytes ? ['bytes'] : [])].join(
    ', ',
  );
  console.log(
    `  ${ratio.toFixed(2)}  ${net}, batch ${batchSize}, ${loss}, ${more}: ${fused.toFixed(0)} and ${framework.toFixed(0)} us`,
  );
}
const command = `node scripts/bench/random-nets.mjs --nets ${count} --seed ${seed} --save`;
documentOf('random-nets', command, { slower: slower.length, nets }, options.save);
