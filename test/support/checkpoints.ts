/** A small training whose every checkpoint goes on to the same end. */
import { layers } from '../../src/model/layers';
import type { Model } from '../../src/model/model';
import type { Callback } from '../../src/train/callbacks';
import type { Checkpoint } from '../../src/train/checkpoint';
import type { History } from '../../src/train/history';
import { CLASSES, FEATURES, labelled, referenceModel, SPARSE } from './models';

export const { x, y } = labelled(50);
/** Five batches an epoch, the last of four rows. */
export const FIVE = { verbose: 0, batchSize: 9, validationSplit: 0.2, epochs: 3, seed: 5 } as const;

export const stack = () => [
  layers.dense(6, { activation: 'relu', inputShape: [FEATURES] }),
  layers.dropout(0.3),
  layers.dense(CLASSES, { activation: 'softmax' }),
];

export const modelWith = (compile: Parameters<typeof referenceModel>[1] = SPARSE): Model =>
  referenceModel(stack(), compile);

/** Everything of a history but the times. */
export const untimed = ({ epoch, history, stepLosses, seed }: History) => ({
  epoch,
  history,
  stepLosses,
  seed,
});

/** The checkpoint of step `step` of a training. */
export async function checkpointAt(step: number, model = modelWith()): Promise<Checkpoint> {
  let taken: Checkpoint | undefined;
  const callback: Callback = {
    everySteps: step,
    onSpanEnd: async (context) => {
      if (context.step !== step || taken) return;
      taken = await context.checkpoint();
      context.stop();
    },
  };
  await model.fit(x, y, { ...FIVE, callbacks: [callback] });
  return taken!;
}
