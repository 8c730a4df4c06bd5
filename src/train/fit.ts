/** The training loop: the only one there is, for every backend. Its unit is a span of steps. */
import type { Dataset, RowRange, SpanReport } from '../backend/contract';
import { checkStillThere } from '../data/examples';
import { isStream } from '../data/row-source';
import { FusorError } from '../errors';
import { Caller } from './caller';
import { disposedError, failureOf, unlessEnded } from './ends';
import { evaluateStream, feedOf, type Stretch } from './feed';
import { type History, kerasName, type Logs, validationName } from './history';
import type { FitJob } from './job';
import { type EpochPart, nextPart } from './spans';
import { Training } from './training';

/**
 * @throws ERR_NONFINITE_LOSS, the abort's reason, what a callback threw, what the session rejects with; each
 *   carries the `history` so far
 */
export async function runFit(job: FitJob): Promise<History> {
  const training = new Training(job);
  const { history } = training;
  const caller = new Caller(job.callbacks, job.plan, training);
  const uploaded: Dataset[] = [];
  try {
    training.throwIfEnded();
    const { data, validate } = await upload(job, uploaded);
    training.logNames = logNamesOf(job, caller, validate !== undefined);
    training.ownLogNames = caller.logNames;
    await caller.trainBegin();
    await runEpochs(job, training, caller, data, validate);
    if (training.stopping) history.stopped = 'callback';
    history.timing.fitSeconds = training.fitSeconds;
    await caller.trainEnd(history.last);
    return history;
  } catch (thrown) {
    const error = failureOf(thrown, job, 'fit');
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

/** In the logs, as in Keras', where a callback sets it: that of the epoch's last step. */
const LEARNING_RATE = 'learningRate';

const trainNames = ({ plan }: FitJob) => ['loss', ...plan.metrics.map(({ name }) => name)];
const validationNames = (job: FitJob) => trainNames(job).map(validationName);

/** @throws ERR_ARG where two would have one name */
function logNamesOf(job: FitJob, caller: Caller, validates: boolean): string[] {
  const names = [
    ...trainNames(job),
    ...(validates ? validationNames(job) : []),
    ...caller.logNames,
    ...(caller.setsLearningRate ? [LEARNING_RATE] : []),
  ];
  const inFiles = names.map(kerasName);
  const twice = names.find((_, i) => inFiles.indexOf(inFiles[i]) < i);
  if (twice === undefined) return names;
  throw new FusorError(
    'ERR_ARG',
    [`two values are called ${twice} in the logs`, 'fit', 'rename one of them'],
    {
      argument: 'callbacks',
    },
  );
}

type Validate = ((epoch: number) => Promise<Logs>) | undefined;

/** Data goes to the device once; spans and validation only name rows. A stream goes there as it comes. */
async function upload(
  job: FitJob,
  uploaded: Dataset[],
): Promise<{ data: Dataset | undefined; validate: Validate }> {
  const { session, examples, trainRows, validation, batchSize, signal } = job;
  const keep = async (rows: FitJob['validation']) => {
    if (!rows || isStream(rows)) return undefined;
    checkStillThere(rows, job.plan, 'fit');
    const there = await session.upload(rows);
    uploaded.push(there);
    return there;
  };
  const data = await keep(examples);
  const held = validation ? await keep(validation) : data;
  const rows: RowRange = { begin: validation ? 0 : trainRows, end: held?.rows ?? 0 };
  const stream = validation && isStream(validation) ? validation : undefined;
  if (!stream && !(held && rows.begin < rows.end)) return { data, validate: undefined };
  const validate = async (epoch: number) => {
    const { loss, metrics } = stream
      ? await evaluateStream(session, stream, { ...job, epoch }, 'fit')
      : await session.evaluate(held!, rows, batchSize, signal);
    const names = validationNames(job);
    return Object.fromEntries([loss, ...metrics].map((value, i) => [names[i], value]));
  };
  return { data, validate };
}

async function runEpochs(
  job: FitJob,
  training: Training,
  caller: Caller,
  data: Dataset | undefined,
  validate: Validate,
): Promise<void> {
  const left = new AbortController();
  const feed = feedOf(job, data, training.epoch, training.batch, left.signal);
  let ahead = feed.next();
  /** What comes next is made while a span runs: the event loop is free then. */
  const goAhead = () => {
    ahead = feed.next();
    ahead.catch(() => {});
  };
  try {
    for (let { epoch } = training; epoch < job.epochs && !training.stopping; epoch++) {
      training.beginEpoch(epoch);
      const rate = training.learningRate;
      await caller.epochBegin(epoch);
      // An epoch that is gone on with has its rate.
      if (training.batch > 0) training.learningRate = rate;
      for (let last = false; !last && !training.stopping; ) {
        const { value: stretch, done } = await unlessEnded(ahead, job, 'fit');
        if (done) throw new Error('the feed ends after the last epoch only');
        try {
          last = stretch.last;
          training.count(stretch, job.batchSize);
          if (!(await runStretch(job, training, caller, stretch, goAhead))) return;
        } finally {
          stretch.release();
        }
      }
      if (training.batch === 0) break;
      await caller.batchesEnd();
      const logs = training.means.logs();
      if (validate) Object.assign(logs, await validate(epoch));
      Object.assign(logs, await caller.epochLogs(epoch));
      if (caller.setsLearningRate) logs[LEARNING_RATE] = training.learningRate;
      if (await validationDiverged(logs, training, caller)) return;
      training.history.addEpoch(epoch, logs, training.epochSeconds);
      await caller.epochEnd(epoch, logs, () => training.endEpoch());
      training.throwIfEnded();
    }
  } finally {
    ahead.then(
      ({ value }) => value?.release(),
      () => {},
    );
    left.abort();
    feed.return().catch(() => {});
  }
}

/** @returns false where training has ended in the middle of the epoch, which is not to be recorded */
async function runStretch(
  job: FitJob,
  training: Training,
  caller: Caller,
  { data, order, first }: Stretch,
  goAhead: () => void,
): Promise<boolean> {
  const { batchSize } = job;
  const end = first + Math.ceil(order.length / batchSize);
  let gone = false;
  while (training.batch < end) {
    training.throwIfEnded();
    if (training.stopping) break;
    const part = nextPart(order, batchSize, training.batch, training.step, caller.cadences, first);
    const running = job.inTurn(() => runSpan(job, training, caller, data, part));
    if (!gone) goAhead();
    gone = true;
    const { report, mayBeShort } = await running;
    if (await diverged(report, part, training, caller)) return false;
    training.means.add(report, part.order.length, batchSize);
    if (report.timeline) await caller.timeline(report.timeline);
    await caller.spanEnd(report, part.order.length);
    training.throwIfEnded();
    if (report.stopped === 'aborted' && !mayBeShort && !training.stopping) throw disposedError('fit');
  }
  if (!gone) goAhead();
  return true;
}

async function runSpan(
  job: FitJob,
  training: Training,
  caller: Caller,
  data: Dataset,
  part: EpochPart,
): Promise<{ report: SpanReport; mayBeShort: boolean }> {
  const { batchSize } = job;
  const learningRates = training.ratesOf(part.end - part.begin, caller.schedule);
  const began = performance.now();
  const report = await job.session.run(
    {
      data,
      order: part.order,
      batchSize,
      firstStep: training.step,
      learningRates: Float32Array.from(learningRates),
    },
    {
      signal: training.beginSpan(),
      timeline: caller.wantsTimeline,
      onProgress: ({ stepsDone, loss, metrics }) => {
        // No use in going on; the report will name the step.
        if (!Number.isFinite(loss)) return training.halt();
        const rows = Math.min(stepsDone * batchSize, part.order.length);
        const progress = {
          epoch: training.epoch,
          batch: part.begin + stepsDone,
          batches: training.batches,
          logs: training.means.logs({ rows, loss, metrics }),
        };
        caller.progress(progress).catch((error) => training.fail(error));
      },
    },
  );
  const milliseconds = performance.now() - began;
  training.history.addSteps(report.losses, milliseconds);
  // Without a schedule a rate that was set meanwhile is the one to go on with.
  if (report.stepsDone > 0 && caller.schedule) training.learningRate = learningRates[report.stepsDone - 1];
  return { report, mayBeShort: training.endSpan(report.stepsDone, milliseconds) };
}

/**
 * The weights stay as they are; a checkpoint of before is the way back.
 * @returns whether a callback has ended training for it
 */
async function diverged(
  { losses, finite }: SpanReport,
  part: EpochPart,
  training: Training,
  caller: Caller,
): Promise<boolean> {
  const found = losses.findIndex((loss) => !Number.isFinite(loss));
  if (found < 0 && finite !== false) return false;
  // Of a weight, it is the last step at the latest.
  const bad = found < 0 ? losses.length - 1 : found;
  const loss = found < 0 ? Number.NaN : losses[found];
  training.diverged = loss;
  await caller.nonFinite(loss);
  if (training.stopping) return true;
  const step = training.step - losses.length + bad;
  const batch = part.begin + bad;
  throw new FusorError(
    'ERR_NONFINITE_LOSS',
    [
      found < 0 ? 'a weight is no longer finite, which no loss has shown yet' : `the loss became ${loss}`,
      `${found < 0 ? 'by ' : ''}step ${step} (epoch ${training.epoch + 1}, batch ${batch + 1} of ${training.batches})`,
      `lower the learning rate, it is ${training.learningRate}, or clip the gradients (clipNorm, --clip-norm)`,
    ],
    { step, epoch: training.epoch, batch, loss: String(loss), learningRate: training.learningRate },
  );
}

/** @returns whether a callback has ended training for it */
async function validationDiverged(
  { valLoss = 0 }: Logs,
  training: Training,
  caller: Caller,
): Promise<boolean> {
  if (Number.isFinite(valLoss)) return false;
  training.diverged = valLoss;
  await caller.nonFinite(valLoss);
  if (training.stopping) return true;
  const { epoch } = training;
  throw new FusorError(
    'ERR_NONFINITE_LOSS',
    [
      `the validation loss became ${valLoss}`,
      `epoch ${epoch + 1}`,
      'lower the learning rate, or clip the gradients (clipNorm, --clip-norm)',
    ],
    { epoch, loss: String(valLoss) },
  );
}
