// Photographs, weights held back: node scripts/examples/cifar10.mjs [ROWS] [FOLDER]
import { constraints, datasets, layers, optimizers, regularizers, saveModel, sequential } from 'fusor';

const [rows, folder] = process.argv.slice(2);
const limit = Number(rows) || undefined;
// A folder of one's own: the files of CIFAR-10, or any other images of 32x32.
const { train, test } = folder ? await datasets.open(folder, { limit }) : await datasets.cifar10({ limit });

const hidden = {
  activation: 'relu',
  kernelRegularizer: regularizers.l2(1e-5),
  kernelConstraint: constraints.maxNorm(3),
};
const model = sequential([
  layers.rescaling(1 / 127.5, { offset: -1, inputShape: [32, 32, 3] }),
  layers.flatten(),
  layers.dense(512, hidden),
  layers.dense(256, hidden),
  layers.dense(10, { activation: 'softmax' }),
]);
const optimizer = optimizers.adamw({ learningRate: 3e-4, clipNorm: 1 });
model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
await model.fit(train.x, train.y, { epochs: 10, batchSize: 128, validationSplit: 0.1, seed: 7 });

console.log(`test accuracy ${(await model.evaluate(test.x, test.y)).accuracy.toFixed(4)}`);
await saveModel(model, 'cifar10.keras');
