import { toCategorical } from '../../../src/data/labels';
import { type ArrayLike, type NDArray, ndarray } from '../../../src/data/ndarray';
import type { CompileOptions } from '../../../src/index';
import { layers } from '../../../src/model/layers';
import { type LossConfig, losses } from '../../../src/model/losses';
import type { Checkpoint } from '../../../src/train/checkpoint';
import { CLASSES, classifier, FEATURES, failure, labelled, referenceModel } from '../../support/models';

const SMOOTHING = 0.3;
const { x, y: labels } = labelled(20);
const answers = ndarray(
  Float32Array.from(labels.data, (label) => label & 1),
  [20, 1],
);
const compiled = (loss: LossConfig): CompileOptions => ({
  optimizer: 'adam',
  loss,
  metrics: ['accuracy'],
  seed: 7,
});

const KINDS = [
  ['categoricalCrossentropy', toCategorical(labels, CLASSES), CLASSES, classifier()],
  ['binaryCrossentropy', answers, 2, [layers.dense(1, { activation: 'sigmoid', inputShape: [FEATURES] })]],
] as const;

/** By the formula of the documentation. */
const byHand = ({ data, shape }: NDArray, classes: number) =>
  ndarray(
    Float32Array.from(data, (value) => value * (1 - SMOOTHING) + SMOOTHING / classes),
    shape,
  );

async function* chunks(y: NDArray) {
  const width = y.shape[1];
  for (let row = 0; row < 20; row += 5)
    yield {
      x: ndarray(x.data.slice(row * FEATURES, (row + 5) * FEATURES), [5, FEATURES]),
      y: ndarray(y.data.slice(row * width, (row + 5) * width), [5, width]),
    };
}

test.each(KINDS)(
  '%s with smoothed labels is training on smoothed targets, from arrays and from a source of rows',
  async (kind, y, classes, stack) => {
    const options = { epochs: 3, batchSize: 6, verbose: 0 } as const;
    const train = async (loss: LossConfig, targets: NDArray) => {
      const model = referenceModel([...stack], compiled(loss));
      const validationData = { x, y: targets };
      const { history } = await model.fit(x, targets as ArrayLike, { ...options, validationData });
      const streamed = await model.fit(() => chunks(targets), { ...options, shuffle: false });
      return [history, streamed.history, await model.evaluate(x, targets), await model.getWeights()];
    };
    const smoothed = await train(losses[kind]({ labelSmoothing: SMOOTHING }), y);
    expect(smoothed).toEqual(await train(losses[kind](), byHand(y, classes)));
    expect(smoothed).not.toEqual(await train(losses[kind](), y));
  },
);

test('the loss is that of Keras 3.15', async () => {
  const lossOf = async (loss: LossConfig, outputs: number, logits: number[], y: number[]) => {
    const model = referenceModel([layers.dense(outputs, { inputShape: [outputs] })], {
      ...compiled(loss),
      metrics: [],
    });
    const identity = Float32Array.from({ length: outputs ** 2 }, (_, i) => Number(i % (outputs + 1) === 0));
    await model.setWeights([
      ndarray(identity, [outputs, outputs]),
      ndarray(new Float32Array(outputs), [outputs]),
    ]);
    const rows = [2, outputs];
    return (
      await model.evaluate(ndarray(Float32Array.from(logits), rows), ndarray(Float32Array.from(y), rows))
    ).loss;
  };
  const options = { fromLogits: true, labelSmoothing: SMOOTHING };
  const shares = [0.1, 0.7, 0.2, 0.3, 0.3, 0.4].map(Math.log);
  // keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3), BinaryCrossentropy(…)
  expect(await lossOf(losses.categoricalCrossentropy(options), 3, shares, [0, 1, 0, 0, 0, 1])).toBeCloseTo(
    0.825184,
    5,
  );
  expect(await lossOf(losses.binaryCrossentropy(options), 1, [0.5, -1.25], [1, 0])).toBeCloseTo(0.494253, 5);
});

test('a training goes on with the smoothing that it began with', async () => {
  const y = toCategorical(labels, CLASSES);
  const kept: Checkpoint[] = [];
  const smoothed = compiled(losses.categoricalCrossentropy({ labelSmoothing: SMOOTHING }));
  const onTrainEnd = async (_logs: unknown, context: { checkpoint(): Promise<Checkpoint> }) => {
    kept.push(await context.checkpoint());
  };
  await referenceModel(classifier(), smoothed).fit(x, y, {
    epochs: 1,
    verbose: 0,
    callbacks: [{ onTrainEnd }],
  });
  const goingOn = { epochs: 2, verbose: 0, resume: kept[0] } as const;
  await referenceModel(classifier(), smoothed).fit(x, y, goingOn);
  const other = referenceModel(classifier(), compiled(losses.categoricalCrossentropy()));
  expect((await failure(other.fit(x, y, goingOn))).code).toBe('ERR_CKPT_MISMATCH');
});
