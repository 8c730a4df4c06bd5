/** What is to be verified, made once: whatever is wrong with model or data is said before anybody trains. */
import { type ArrayLike, type Model, type NDArray, slotsOf } from '../../index';
import type { Call } from '../command';
import type { Settings } from '../option';
import type { verify } from '../options';
import { targetsOf } from '../train/data';
import { buildModel, loadArrays, type Problem } from '../train/problem';
import { takenAway } from './taken-away';
import type { Job } from './tracers';

const ANYWHERE = {
  backend: 'auto',
  device: 'auto',
  kernels: 'auto',
  precision: 'fp32',
  tfjsEngine: 'auto',
} as const;

/** @returns the model as it is before training, on no backend yet, too */
export async function prepare({ settings, origins }: Call<typeof verify>, seed: number, temp: string) {
  const problem: Problem = {
    settings: { ...settings, ...ANYWHERE, quiet: true },
    origins,
  };
  const data = await loadArrays(problem, seed);
  const model = await buildModel(problem, data, seed);
  const y = targetsOf(model, data.train) as NDArray;
  await refusalOfFit(model, data.train.x, y, settings);
  const arrays = await model.getWeights();
  const shapes = new Map(arrays.map(({ shape }, i) => [model.weightNames[i], shape]));
  const weights = arrays.map((array, i) => ({ name: model.weightNames[i], size: array.data.length }));
  const plan = model.plan();
  const { optimizer } = plan;
  const slots = slotsOf(optimizer).flatMap((slot) =>
    weights.map(({ name, size }) => ({ name: `${slot} of ${name}`, size })),
  );
  const job: Job = { problem, seed, shapes, weights, slots, optimizer, notCompared: takenAway(plan), temp };
  return { job, model, data, y };
}

/** @throws what fit throws before it does anything */
async function refusalOfFit(
  model: Model,
  x: ArrayLike,
  y: ArrayLike,
  { batchSize, validationSplit }: Settings<typeof verify>,
): Promise<void> {
  const nothing = new Error('all is well');
  const options = { batchSize, validationSplit, verbose: 0, signal: AbortSignal.abort(nothing) } as const;
  await model.fit(x, y, options).catch((error: unknown) => {
    if (error !== nothing) throw error;
  });
}
