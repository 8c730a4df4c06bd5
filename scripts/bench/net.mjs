// A net of given widths on random rows, through the public API: what train.mjs --net measures.
//
// usage: net.mjs --net 4096-4096-4096 --steps N --batch-size N --threads N --kernels auto|fused|framework
// Prints one JSON line: microseconds a step of the second fit; the first warms up.
import { parseArgs } from 'node:util';
import { layers, ndarray, sequential } from '../../dist/index.js';

const text = { type: 'string' };
const { values } = parseArgs({
  options: { net: text, steps: text, 'batch-size': text, threads: text, kernels: text },
});
const [inputs, ...widths] = values.net.split('-').map(Number);
const batchSize = Number(values['batch-size']);
const classes = widths.at(-1);
const rows = Number(values.steps) * batchSize;
const x = Float32Array.from({ length: rows * inputs }, Math.random);
const y = Int32Array.from({ length: rows }, () => Math.floor(Math.random() * classes));
const model = sequential(
  widths.map((units, i) =>
    layers.dense(units, {
      activation: i === widths.length - 1 ? 'softmax' : 'relu',
      ...(i === 0 && { inputShape: [inputs] }),
    }),
  ),
);
model.compile({
  optimizer: 'adam',
  loss: 'sparseCategoricalCrossentropy',
  backend: 'native',
  kernels: values.kernels,
  threads: Number(values.threads),
});
const data = ndarray(x, [rows, inputs]);
const train = () => model.fit(data, ndarray(y, [rows]), { batchSize, epochs: 1, verbose: 0 });
await train();
const { timing, last } = await train();
const { versions, kernels, isa } = await model.runtime();
await model.dispose();
console.log(
  JSON.stringify({
    fitSeconds: null,
    stepMicroseconds: timing.stepMicroseconds,
    loss: last.loss,
    testAccuracy: null,
    versions,
    kernels,
    isa,
  }),
);
