// Pieces of clothing, with dropout, a schedule and an early end: node scripts/examples/fashion-mnist.mjs [ROWS]
import { datasets, earlyStopping, layers, learningRateScheduler, schedules, sequential } from 'fusor';

const { train, test, classNames } = await datasets.fashionMnist({
  limit: Number(process.argv[2]) || undefined,
});

const model = sequential([
  layers.rescaling(1 / 255, { inputShape: [28, 28, 1] }),
  layers.flatten(),
  layers.dense(128, { activation: 'relu' }),
  layers.dropout(0.1),
  layers.dense(10, { activation: 'softmax' }),
]);
model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
const epochs = 15;
const steps = epochs * Math.ceil((0.8 * train.x.shape[0]) / 32);
const callbacks = [
  learningRateScheduler(schedules.cosine({ rate: 1e-3, steps, warmupSteps: 100 })),
  earlyStopping({ patience: 3, restoreBestWeights: true }),
];
await model.fit(train.x, train.y, { epochs, validationSplit: 0.2, seed: 7, callbacks });

const { accuracy } = await model.evaluate(test.x, test.y);
const { data } = await model.predict({ data: test.x.data.subarray(0, 784), shape: [1, 28, 28, 1] });
console.log(
  `test accuracy ${accuracy.toFixed(4)}; the first looks like: ${classNames[data.indexOf(Math.max(...data))]}`,
);
