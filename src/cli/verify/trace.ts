/** Trains as `fusor train` does and keeps what is needed to compare it with another training of the same. */
import { join } from 'node:path';
import { writeAtomic } from '../../files/atomic';
import type { ArrayLike, Callback, Logs, Model, TrainingContext } from '../../index';
import { elements } from '../../shape';
import { targetsOf } from '../train/data';
import { runtimeLine } from '../train/environment';
import { buildModel, loadArrays, type Problem } from '../train/problem';
import { SLOTS_FILE, TRACE_FILE, type TraceFile, weightsFile } from './trace-files';

export interface TraceRequest {
  problem: Problem;
  seed: number;
  /** Steps, from 1 in ascending order, after which weights are kept; training one by one ends after the last. */
  snapshots: readonly number[];
  /** Whether the epoch is trained in one go, too. */
  epoch: boolean;
  /** Where the files go. */
  folder: string;
}

/** Rows for the loss before training. */
const INITIAL_ROWS = 1024;

export async function trace({ problem, seed, snapshots, epoch, folder }: TraceRequest): Promise<void> {
  const { settings } = problem;
  const data = await loadArrays(problem, seed);
  const withModel = async <T>(use: (model: Model, y: ArrayLike) => Promise<T>): Promise<T> => {
    const model = await buildModel(problem, data, seed);
    try {
      return await use(model, targetsOf(model, data.train));
    } finally {
      await model.dispose();
    }
  };
  const { batchSize, validationSplit } = settings;
  const options = { epochs: 1, batchSize, validationSplit, seed, verbose: 0 } as const;

  const single = await withModel(async (model, y) => {
    // Opens the session, so that the weights are those that came back from the device.
    await model.runtime();
    await write(folder, weightsFile(0), await weightsOf(model));
    const first = (array: ArrayLike) => head(array, INITIAL_ROWS);
    const { loss } = await model.evaluate(first(data.train.x), first(y), { batchSize: INITIAL_ROWS });
    const stepper = new Stepper(folder, snapshots);
    try {
      await model.fit(data.train.x, y, {
        ...options,
        callbacks: [stepper],
        signal: stepper.controller.signal,
      });
    } catch (error) {
      if (!stepper.controller.signal.aborted) throw error;
    }
    return { stepper, initialLoss: loss, ranOn: runtimeLine(await model.runtime()) };
  });
  const whole = epoch
    ? await withModel(async (model, y) => {
        const { history, stepLosses } = await model.fit(data.train.x, y, options);
        await write(folder, weightsFile(stepLosses.length), await weightsOf(model));
        return { losses: [...stepLosses], loss: history.loss[0] };
      })
    : null;
  const { stepper, initialLoss, ranOn } = single;
  const kept = new Set([0, ...stepper.kept, ...(whole ? [whole.losses.length] : [])]);
  const file: TraceFile = {
    ranOn,
    losses: stepper.losses,
    initialLoss,
    snapshots: [...kept],
    epoch: whole,
  };
  await writeAtomic(join(folder, TRACE_FILE), JSON.stringify(file));
}

/** Goes step by step, each a span of its own, and ends training after the last snapshot. */
class Stepper implements Callback {
  readonly everyBatches = 1;
  readonly losses: number[] = [];
  readonly kept: number[] = [];
  readonly controller = new AbortController();

  constructor(
    private readonly folder: string,
    private readonly snapshots: readonly number[],
  ) {}

  async onBatchEnd(
    _batch: number,
    _logs: Logs,
    { model }: TrainingContext,
    losses: Float32Array,
  ): Promise<void> {
    for (const loss of losses) this.losses.push(loss);
    const step = this.losses.length;
    if (this.snapshots.includes(step)) {
      const { weights, slots } = await model.readState();
      await write(this.folder, weightsFile(step), weights);
      if (step === 1) await write(this.folder, SLOTS_FILE, slots.flat());
      this.kept.push(step);
    }
    if (step === this.snapshots.at(-1)) this.controller.abort();
  }
}

async function weightsOf(model: Model): Promise<Float32Array[]> {
  return (await model.getWeights()).map(({ data }) => data);
}

/** @throws ERR_IO */
function write(folder: string, name: string, arrays: readonly Float32Array[]): Promise<void> {
  return writeAtomic(join(folder, name), ...arrays);
}

/** The first rows of data. */
function head(array: ArrayLike, rows: number): ArrayLike {
  const { data, shape } = array as { data: Float32Array; shape: readonly number[] };
  const [all, ...rest] = shape;
  const kept = Math.min(rows, all);
  const width = elements(rest);
  return { data: data.subarray(0, kept * width), shape: [kept, ...rest] };
}
