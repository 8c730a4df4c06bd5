/** The training loop: the only one there is, for every backend. Its unit is a span of steps. */
import type { Dataset, Examples, RowRange, Session, SpanReport } from '../backend/contract';
import { FusorError } from '../errors';
import type { Callback, TrainedModel } from './callbacks';
import { Caller } from './caller';
import { History, type Logs, validationName } from './history';
import { Means } from './means';
import { type EpochPart, epochOrder, epochParts } from './spans';
import { type Position, Training } from './training';

/** Everything that a fit needs, checked. */
export interface FitJob {
  session: Session;
  model: TrainedModel;
  /** Names of the plan's metrics. */
  metricNames: readonly string[];
  examples: Examples;
  /** Rows [0, trainRows) are trained; the rest validates unless `validation` is there. */
  trainRows: number;
  validation?: Examples;
  batchSize: number;
  initialEpoch: number;
  /** The epoch before which training ends. */
  epochs: number;
  shuffle: boolean;
  seed: number;
  callbacks: readonly Callback[];
  signal?: AbortSignal;
  /** Moved on step by step, so that it is right however fit ends. */
  position: Position;
}

/**
 * @throws ERR_NONFINITE_LOSS, the abort's reason, what a callback threw, what the session rejects with; each
 *   carries the `history` so far
 */
export async function runFit(job: FitJob): Promise<History> {
  const began = performance.now();
  const history = new History(job.seed);
  const batches = Math.ceil(job.trainRows / job.batchSize);
  const { model, position, seed, batchSize, initialEpoch, epochs, signal } = job;
  const training = new Training(model, position, seed, batchSize, batches, initialEpoch, epochs, signal);
  const caller = new Caller(job.callbacks, job.metricNames, training);
  const uploaded: Dataset[] = [];
  const seconds = () => (performance.now() - began) / 1000;
  try {
    training.throwIfEnded();
    const validate = await upload(job, uploaded);
    await caller.trainBegin();
    const last = await runEpochs(job, training, caller, history, uploaded[0], validate);
    if (training.stopping) history.stopped = 'callback';
    history.timing.fitSeconds = seconds();
    await caller.trainEnd(last);
    return history;
  } catch (error) {
    history.stopped = 'aborted';
    history.timing.fitSeconds = seconds();
    if (typeof error === 'object' && error !== null && Object.isExtensible(error))
      Object.defineProperty(error, 'history', { value: history, configurable: true });
    await caller.trainError(error);
    throw error;
  } finally {
    training.close();
    for (const dataset of uploaded) dataset.dispose();
  }
}

type Validate = (() => Promise<Logs>) | undefined;

/** Data goes to the device once; spans and validation only name rows. */
async function upload(job: FitJob, uploaded: Dataset[]): Promise<Validate> {
  const { session, examples, trainRows, validation, batchSize, signal, metricNames } = job;
  uploaded.push(await session.upload(examples));
  if (validation) uploaded.push(await session.upload(validation));
  const data = uploaded[uploaded.length - 1];
  const rows: RowRange = { begin: validation ? 0 : trainRows, end: data.rows };
  if (rows.begin === rows.end) return undefined;
  return async () => {
    const { loss, metrics } = await session.evaluate(data, rows, batchSize, signal);
    const names = ['loss', ...metricNames].map(validationName);
    return Object.fromEntries([loss, ...metrics].map((value, i) => [names[i], value]));
  };
}

async function runEpochs(
  job: FitJob,
  training: Training,
  caller: Caller,
  history: History,
  data: Dataset,
  validate: Validate,
): Promise<Logs> {
  const orderOf = (epoch: number) => epochOrder(job.trainRows, job.shuffle, job.seed, epoch);
  let order = orderOf(job.initialEpoch);
  let logs: Logs = {};
  for (let epoch = job.initialEpoch; epoch < job.epochs && !training.stopping; epoch++) {
    const began = performance.now();
    training.beginEpoch(epoch);
    await caller.epochBegin(epoch);
    const means = new Means(job.metricNames);
    let next: Uint32Array | undefined;
    for (const part of epochParts(order, job.batchSize, caller.cadences)) {
      training.throwIfEnded();
      if (training.stopping) break;
      const running = runSpan(job, training, caller, history, data, part, means);
      // The event loop is free while a native span runs: the time to draw what the next epoch needs.
      if (!next) next = job.shuffle && epoch + 1 < job.epochs ? orderOf(epoch + 1) : order;
      const report = await running;
      checkFinite(report, part, training);
      means.add(report, part.order.length, job.batchSize);
      const done = part.begin + report.stepsDone;
      await caller.spanEnd(report, part.order.length, job.batchSize, done, training.batches);
      training.throwIfEnded();
      if (report.stopped === 'aborted' && !training.stopping)
        throw new FusorError('ERR_STATE', ['the model was disposed while it was training', 'fit']);
    }
    if (training.batch === 0) break;
    order = next ?? order;
    logs = means.logs();
    if (validate) logs = { ...logs, ...checkedValidation(await validate(), epoch) };
    history.addEpoch(epoch, logs, (performance.now() - began) / 1000);
    await caller.epochEnd(epoch, logs);
    training.throwIfEnded();
  }
  return logs;
}

async function runSpan(
  job: FitJob,
  training: Training,
  caller: Caller,
  history: History,
  data: Dataset,
  part: EpochPart,
  means: Means,
): Promise<SpanReport> {
  const { batchSize } = job;
  const learningRates = new Float32Array(part.end - part.begin).fill(training.learningRate);
  const began = performance.now();
  const report = await job.session.run(
    { data, order: part.order, batchSize, firstStep: training.step, learningRates },
    {
      signal: training.signal,
      onProgress: ({ stepsDone, loss, metrics }) => {
        // No use in going on; the report will name the step.
        if (!Number.isFinite(loss)) return training.halt();
        try {
          caller.progress({
            epoch: training.epoch,
            batch: part.begin + stepsDone,
            batches: training.batches,
            logs: means.logs({ rows: Math.min(stepsDone * batchSize, part.order.length), loss, metrics }),
          });
        } catch (error) {
          training.fail(error);
        }
      },
    },
  );
  const milliseconds = performance.now() - began;
  training.advance(report.stepsDone, milliseconds);
  history.addSteps(report.losses, milliseconds);
  return report;
}

/** The weights stay as they are; a checkpoint of before is the way back. */
function checkFinite({ losses }: SpanReport, part: EpochPart, training: Training): void {
  const bad = losses.findIndex((loss) => !Number.isFinite(loss));
  if (bad < 0) return;
  const step = training.step - losses.length + bad;
  const batch = part.begin + bad;
  throw new FusorError(
    'ERR_NONFINITE_LOSS',
    [
      `the loss became ${losses[bad]}`,
      `step ${step} (epoch ${training.epoch + 1}, batch ${batch + 1} of ${training.batches})`,
      `lower the learning rate, it is ${training.learningRate}, or clip the gradients (clipNorm, --clip-norm)`,
    ],
    { step, epoch: training.epoch, batch, loss: String(losses[bad]), learningRate: training.learningRate },
  );
}

function checkedValidation(logs: Logs, epoch: number): Logs {
  if (Number.isFinite(logs.valLoss)) return logs;
  throw new FusorError(
    'ERR_NONFINITE_LOSS',
    [
      `the validation loss became ${logs.valLoss}`,
      `epoch ${epoch + 1}`,
      'lower the learning rate, or clip the gradients (clipNorm, --clip-norm)',
    ],
    { epoch, loss: String(logs.valLoss) },
  );
}
