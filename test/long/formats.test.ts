/** One trained model, in every format: predictions equal in fusor, TensorFlow.js, Keras and onnxruntime. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { layers, optimizers, saveModel, sequential, toCategorical } from '../../src/index';
import { figure } from '../support/figures';
import { inPython, pythonWith } from '../support/python';
import { inChild, repository, temporaryFolder } from '../support/script';
import { testUnless } from '../support/skip';

const folder = temporaryFolder();
const ROWS = 50;
const x = Array.from({ length: ROWS * 16 }, (_, i) => (i * i * 37) % 256);
let ours: Float32Array;

beforeAll(async () => {
  const model = sequential([
    layers.rescaling(1 / 255, { inputShape: [4, 4, 1], offset: -0.25 }),
    layers.batchNormalization({ momentum: 0.5 }),
    layers.flatten(),
    ...(['relu', 'sigmoid', 'tanh', 'elu', 'gelu', 'silu', 'selu', 'softplus', 'leakyRelu'] as const).map(
      (activation) => layers.dense(12, { activation }),
    ),
    layers.activation('leakyRelu', { negativeSlope: 0.4 }),
    layers.dropout(0.25),
    layers.dense(8, {
      useBias: false,
      kernelRegularizer: { l1: 1e-5, l2: 1e-4 },
      kernelConstraint: 'maxNorm',
    }),
    layers.batchNormalization({ momentum: 0.9, scale: false }),
    layers.activation('gelu'),
    layers.dense(3, { activation: 'softmax' }),
  ]);
  const optimizer = optimizers.adam({ clipNorm: 1, gradientAccumulationSteps: 2 });
  const training = { optimizer, loss: 'categoricalCrossentropy' } as const;
  model.compile({ ...training, metrics: ['accuracy'], backend: 'tfjs', tfjsEngine: 'cpu', quiet: true });
  const data = { data: Uint8Array.from(x), shape: [ROWS, 4, 4, 1] };
  const y = toCategorical(
    Array.from({ length: ROWS }, (_, i) => i % 3),
    3,
  );
  await model.fit(data, y, { epochs: 20, seed: 3, verbose: 0 });
  ours = (await model.predict(data)).data;
  writeFileSync(join(folder, 'x.json'), JSON.stringify(x));
  for (const name of ['model.keras', 'model.weights.h5', 'model.onnx'])
    await saveModel(model, join(folder, name));
  await saveModel(model, join(folder, 'tfjs'), { format: 'tfjs' });
});

function expectEqual(theirs: number[], what: string): void {
  const difference = Math.max(...ours.map((value, i) => Math.abs(value - theirs[i])));
  expect(theirs).toHaveLength(ours.length);
  expect(difference).toBeLessThanOrEqual(1e-6);
  figure(`predictions equal in fusor and ${what}`, theirs.length);
}

test('TensorFlow.js', () => {
  const theirs = inChild(`
    const tf = require(${JSON.stringify(join(repository, 'node_modules/@tensorflow/tfjs'))});
    const fs = require('node:fs');
    const folder = ${JSON.stringify(join(folder, 'tfjs'))};
    const json = JSON.parse(fs.readFileSync(folder + '/model.json', 'utf8'));
    const bytes = fs.readFileSync(folder + '/weights.bin');
    const x = JSON.parse(fs.readFileSync(${JSON.stringify(join(folder, 'x.json'))}, 'utf8'));
    (async () => {
      const weightData = Uint8Array.from(bytes).buffer;
      const weightSpecs = json.weightsManifest[0].weights;
      const model = await tf.loadLayersModel(tf.io.fromMemory({ modelTopology: json.modelTopology, weightSpecs, weightData }));
      console.log(JSON.stringify(Array.from(model.predict(tf.tensor(x, [${ROWS}, 4, 4, 1])).dataSync())));
    })();`);
  expectEqual(theirs, 'TensorFlow.js');
});

const keras = pythonWith('keras', 'numpy');
testUnless(!keras && 'no Python with keras (FUSOR_TEST_PYTHON)')('Keras', () => {
  const { saved, loaded } = inPython(
    keras!,
    `
import json, sys, os
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import keras, numpy as np
folder = sys.argv[1]
x = np.array(json.load(open(folder + "/x.json")), "float32").reshape(-1, 4, 4, 1)
model = keras.models.load_model(folder + "/model.keras")
saved = model.predict(x, verbose=0)
held = model.layers[-4]
assert (round(held.kernel_regularizer.l2, 9), held.kernel_constraint.max_value) == (1e-4, 2), held.get_config()
assert model.optimizer.gradient_accumulation_steps == 2
model.fit(x, saved, verbose=0)
model.load_weights(folder + "/model.weights.h5")
print(json.dumps({"saved": saved.ravel().tolist(), "loaded": model.predict(x, verbose=0).ravel().tolist()}))`,
    folder,
  );
  expectEqual(saved, 'Keras');
  expectEqual(loaded, 'Keras');
});

const onnx = pythonWith('onnx', 'onnxruntime', 'numpy');
testUnless(!onnx && 'no Python with onnx and onnxruntime (FUSOR_TEST_PYTHON)')('onnxruntime', () => {
  const run = (file: string, shape: string, values: number[]) => {
    writeFileSync(join(folder, 'x.json'), JSON.stringify(values));
    return inPython(
      onnx!,
      `
import json, sys
import numpy as np, onnx, onnxruntime
x = np.array(json.load(open(sys.argv[2])), "float32").reshape(${shape})
onnx.checker.check_model(sys.argv[1], full_check=True)
print(json.dumps(onnxruntime.InferenceSession(sys.argv[1]).run(None, {"input": x})[0].ravel().tolist()))`,
      file,
      join(folder, 'x.json'),
    );
  };
  expectEqual(run(join(folder, 'model.onnx'), '-1, 4, 4, 1', x), 'onnxruntime');
  // The file whose bytes the fast tier compares with: of a model of Keras, whose predictions are known.
  const models = resolve(__dirname, '../support/keras/models');
  const known = JSON.parse(readFileSync(join(models, 'predictions.json'), 'utf8'));
  for (const name of ['sequential', 'normalized']) {
    const theirs = run(join(models, `${name}.onnx`), '-1, 4, 4, 1', known.x.flat(3)) as number[];
    const wanted = known[name].flat() as number[];
    expect(Math.max(...theirs.map((value, i) => Math.abs(value - wanted[i])))).toBeLessThanOrEqual(1e-6);
  }
});
