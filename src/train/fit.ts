/** The training loop: the only one there is, for every backend. Its unit is a span of steps. */
import type { Dataset, RowRange, SpanReport } from '../backend/contract';
import { FusorError } from '../errors';
import { Caller } from './caller';
import { type History, type Logs, validationName } from './history';
import type { FitJob } from './job';
import { type EpochPart, epochOrder, nextPart } from './spans';
import { Training } from './training';

/**
 * @throws ERR_NONFINITE_LOSS, the abort's reason, what a callback threw, what the session rejects with; each
 *   carries the `history` so far
 */
export async function runFit(job: FitJob): Promise<History> {
  const training = new Training(job);
  const { history } = training;
  const caller = new Caller(job.callbacks, job.metricNames, training);
  const uploaded: Dataset[] = [];
  try {
    training.throwIfEnded();
    const validate = await upload(job, uploaded);
    await caller.trainBegin();
    await runEpochs(job, training, caller, uploaded[0], validate);
    if (training.stopping) history.stopped = 'callback';
    history.timing.fitSeconds = training.fitSeconds;
    await caller.trainEnd(history.last);
    return history;
  } catch (error) {
    history.stopped = 'aborted';
    history.timing.fitSeconds = training.fitSeconds;
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
  data: Dataset,
  validate: Validate,
): Promise<void> {
  const { batchSize, shuffle, epochs } = job;
  const orderOf = (epoch: number) => epochOrder(job.trainRows, shuffle, job.seed, epoch);
  let order: Uint32Array | undefined;
  for (let { epoch } = training; epoch < epochs && !training.stopping; epoch++) {
    training.beginEpoch(epoch);
    await caller.epochBegin(epoch);
    order ??= orderOf(epoch);
    let next = shuffle ? undefined : order;
    while (training.batch < training.batches) {
      training.throwIfEnded();
      if (training.stopping) break;
      const part = nextPart(order, batchSize, training.batch, training.step, caller.cadences);
      const running = runSpan(job, training, caller, data, part);
      // The event loop is free while a native span runs: the time to draw what the next epoch needs.
      if (!next && epoch + 1 < epochs) next = orderOf(epoch + 1);
      const { report, mayBeShort } = await running;
      checkFinite(report, part, training);
      training.means.add(report, part.order.length, batchSize);
      await caller.spanEnd(report, part.order.length, batchSize, training.batch, training.batches);
      training.throwIfEnded();
      if (report.stopped === 'aborted' && !mayBeShort && !training.stopping)
        throw new FusorError('ERR_STATE', ['the model was disposed while it was training', 'fit']);
    }
    if (training.batch === 0) break;
    order = next;
    const logs = training.means.logs();
    if (validate) Object.assign(logs, checkedValidation(await validate(), epoch));
    training.history.addEpoch(epoch, logs, training.epochSeconds);
    await caller.epochEnd(epoch, logs);
    training.throwIfEnded();
  }
}

async function runSpan(
  job: FitJob,
  training: Training,
  caller: Caller,
  data: Dataset,
  part: EpochPart,
): Promise<{ report: SpanReport; mayBeShort: boolean }> {
  const { batchSize } = job;
  const learningRates = new Float32Array(part.end - part.begin).fill(training.learningRate);
  const began = performance.now();
  const report = await job.session.run(
    { data, order: part.order, batchSize, firstStep: training.step, learningRates },
    {
      signal: training.beginSpan(),
      onProgress: ({ stepsDone, loss, metrics }) => {
        // No use in going on; the report will name the step.
        if (!Number.isFinite(loss)) return training.halt();
        try {
          const rows = Math.min(stepsDone * batchSize, part.order.length);
          caller.progress({
            epoch: training.epoch,
            batch: part.begin + stepsDone,
            batches: training.batches,
            logs: training.means.logs({ rows, loss, metrics }),
          });
        } catch (error) {
          training.fail(error);
        }
      },
    },
  );
  const milliseconds = performance.now() - began;
  training.history.addSteps(report.losses, milliseconds);
  return { report, mayBeShort: training.endSpan(report.stepsDone, milliseconds) };
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
