// The flagship as a TensorFlow.js user writes it: tf.layers and model.fit.
//
// usage: tfjs_fit.mjs wasm|cpu|node MNIST_FOLDER --steps N [--package FILE]
// node: TensorFlow's library behind tfjs-node, whose main file --package names.
// Prints one JSON line. Trains `steps` steps only, and no validation: a whole run takes minutes. fitSeconds is null.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { restoreRemovedUtilities } from '../../../dist/backend/tfjs/tensorflow.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { steps: { type: 'string', default: '300' }, package: { type: 'string' } },
});
const [backend, folder] = positionals;
const steps = Number(values.steps);
const require = createRequire(import.meta.url);
if (backend === 'node') restoreRemovedUtilities(); // tfjs-node 4.22 does not load in Node 23 and later without
const tf = require(values.package ?? '@tensorflow/tfjs');
if (backend === 'wasm') {
  const wasm = require('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(`${path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'))}/dist/`);
}
await tf.setBackend(backend === 'node' ? 'tensorflow' : backend);
await tf.ready();

const read = (name, offset) => fs.readFileSync(path.join(folder, name)).subarray(offset);
const rows = steps * 32;
const pixels = Float32Array.from(read('train-images-idx3-ubyte', 16).subarray(0, rows * 784), (v) => v / 255);
const x = tf.tensor2d(pixels, [rows, 784]);
const labels = Int32Array.from(read('train-labels-idx1-ubyte', 8).subarray(0, rows));
const y = tf.oneHot(tf.tensor1d(labels, 'int32'), 10).toFloat();
const model = tf.sequential();
model.add(tf.layers.dense({ inputShape: [784], units: 128, activation: 'relu' }));
model.add(tf.layers.dense({ units: 10, activation: 'softmax' }));
model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
await model.fit(x.slice([0, 0], [64, 784]), y.slice([0, 0], [64, 10]), { batchSize: 32, verbose: 0 }); // warm-up
const start = performance.now();
const { history } = await model.fit(x, y, { epochs: 1, batchSize: 32, verbose: 0 });
const stepMicroseconds = ((performance.now() - start) / steps) * 1000;
console.log(
  JSON.stringify({
    fitSeconds: null,
    stepMicroseconds,
    loss: history.loss[0],
    testAccuracy: null,
    versions: {
      tfjs: tf.version.tfjs,
      ...(backend === 'node' && { tensorflow: tf.backend().binding.TF_Version }),
    },
  }),
);
