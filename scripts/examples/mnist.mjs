// Handwritten digits, 784-128-10: node scripts/examples/mnist.mjs [ROWS]
import { datasets, layers, sequential } from 'fusor';

const { train, test } = await datasets.mnist({ limit: Number(process.argv[2]) || undefined });

const model = sequential([
  layers.rescaling(1 / 255, { inputShape: [28, 28, 1] }),
  layers.flatten(),
  layers.dense(128, { activation: 'relu' }),
  layers.dense(10, { activation: 'softmax' }),
]);
// Labels as they are: with toCategorical(y, 10) the loss would be categoricalCrossentropy.
model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
await model.fit(train.x, train.y, { epochs: 10, batchSize: 32, validationSplit: 0.2, seed: 7 });

const { loss, accuracy } = await model.evaluate(test.x, test.y);
console.log(`test loss ${loss.toFixed(4)} accuracy ${accuracy.toFixed(4)}`);
