import { relative, resolve } from 'node:path';
import { counted } from '../../counted';
import { isOwnFolder } from '../../data/datasets';
import type { OwnData } from '../../data/open-table';
import { isFusorError } from '../../errors';
import {
  type History,
  type Model,
  type ModelCheckpoint,
  mayUseGpu,
  modelCheckpoint,
  type RuntimeInfo,
} from '../../index';
import { type KeptData, keptOf } from '../../io/kept-data';
import { saveModel } from '../../io/model';
import { chooseSeed } from '../../random';
import { CONFIG_FILE, DATA_FILE, ENVIRONMENT_FILE, RESULT_FILE, RunFolder } from '../../runs/run-folder';
import { writeStepLosses } from '../../runs/step-losses';
import type { Call, Run } from '../command';
import { Interrupted, interruptible } from '../interrupt';
import { whereOf } from '../model-path';
import type { train } from '../options';
import { type Output, shellWord } from '../output';
import { writeReport } from '../pictures/report';
import { repeatable } from '../settings';
import type { Attempt } from '../train/attempt';
import { rowsOf, withTargets } from '../train/data';
import { backendOf, dataOf, fallbackOf, modelOf, type RunDocument } from '../train/document';
import { environmentOf, runtimeLine } from '../train/environment';
import { checkFlags, extras, stopperOf } from '../train/extras';
import { dataFor, isConfiguration, keptToTrain, unknownScale } from '../train/kept';
import { buildModel, loadProblem, modelOf as modelOfCheckpoint, type TrainSettings } from '../train/problem';
import { Recorder } from '../train/recorder';
import { described, oddities } from '../train/remarks';
import { openRun, type Resumed } from '../train/resume';

/** What a GPU may do to its process is kept away from this one. */
export const run: Run<typeof train> = async (given) => {
  checkFlags(given);
  const call = withData(given);
  return mayUseGpu(whereOf(call.settings))
    ? (await import('../train/supervise.js')).supervise(call)
    : trainHere(call);
};

/** What a model is trained on further where nothing is named: what it was trained on before. @throws ERR_ARG */
function withData(call: Call<typeof train>): Call<typeof train> {
  const { settings, origins } = call;
  const { model } = settings;
  if (model === undefined || isConfiguration(model)) return call;
  return {
    ...call,
    settings: { ...settings, data: dataFor(model, origins.data === 'default' ? undefined : settings.data) },
  };
}

/** @param attempt of a supervisor */
export async function trainHere(call: Call<typeof train>, attempt?: Attempt): Promise<number> {
  const resumed = await openRun(call, portable(call.settings), call.out);
  try {
    return await trainAndTest(call, resumed, attempt);
  } finally {
    await resumed?.folder.release();
  }
}

async function trainAndTest(
  call: Call<typeof train>,
  resumed: Resumed | undefined,
  attempt: Attempt | undefined,
): Promise<number> {
  const began = performance.now();
  const startedAt = new Date();
  const { settings, out } = call;
  const { epochs, batchSize, validationSplit, onSaveError, monitor } = settings;
  const resume = resumed?.checkpoint;
  const seed = resume?.seed ?? settings.seed ?? chooseSeed();
  const kept = keptToTrain(settings.model, resumed?.folder.path);
  const data = await loadProblem(call, seed, validationSplit, kept);
  remarkOn(data, call, kept);
  const model = resume ? modelOfCheckpoint(resume, settings) : await buildModel(call, data, seed);
  if (settings.findLr) return (await import('../train/find-lr.js')).findLr(call, model, data, seed);
  const environment = (runtime: RuntimeInfo) => environmentOf(runtime, call.argv, startedAt, attempt?.failed);
  const recorder = new Recorder(async () => {
    const first = environment(await model.runtime());
    const made = resumed?.folder ?? (await RunFolder.create(settings.runDir, data.name, startedAt));
    const config = { ...portable({ ...settings, ...attempt?.asked }), seed };
    await begin(made, config, first, data);
    return made;
  }, settings.stepLosses);
  const stopper = stopperOf(settings);
  const checkpoints = modelCheckpoint(() => recorder.folder!.checkpointsFolder, {
    save: settings.checkpoint,
    monitor,
    onSaveError,
  });
  try {
    const [train, validation, tests] = [data.train, data.validation, data.test!].map(
      (rows) => rows && withTargets(model, rows),
    );
    const runtime = await model.runtime();
    attempt?.opened(runtime);
    out.note(`Training on ${runtimeLine(runtime)} · seed ${seed}`);
    const setupSeconds = (performance.now() - began) / 1000;
    // Node's clock starts with the process.
    const startupSeconds = performance.now() / 1000;

    const { history, test, folder, ranOn } = await interruptible(async (signal) => {
      const rows = rowsOf(data.train) + rowsOf(data.test!);
      const pulse = attempt?.pulse(() => recorder.folder!.path, checkpoints, Math.ceil(rows / batchSize));
      const more = extras(settings, data.name, () => recorder.folder!.path);
      const live = settings.dashboard
        ? [await dashboardOf(model, runtime, call, data.name, seed, () => recorder.folder!.path)]
        : [];
      const callbacks = [
        recorder,
        ...(stopper ? [stopper] : []),
        ...more,
        checkpoints,
        ...(pulse ? [pulse] : []),
        ...live,
      ];
      const verbose = settings.quiet ? 0 : settings.noProgress ? 2 : 'auto';
      const options = {
        epochs,
        batchSize,
        ...(validation ? { validationData: validation } : { validationSplit }),
        seed,
        callbacks,
        signal,
        verbose,
        resume,
      } as const;
      try {
        const fitted: History = await model.fit(train!, options);
        const made = recorder.folder!;
        made.close();
        await saveModel(model, made.modelFolder);
        const tested = await model.evaluate(tests!, { batchSize: 1024, signal });
        // Asked after training: which kernels run depends on the data.
        return { history: fitted, test: tested, folder: made, ranOn: await model.runtime() };
      } catch (error) {
        if (isFusorError(error) && error.code === 'ERR_NONFINITE_LOSS') noteLastFinite(checkpoints, out);
        // What a callback refuses before the first step leaves nothing behind.
        const refused = isFusorError(error) && ['ERR_ARG', 'ERR_IO'].includes(error.code);
        if (refused && !resumed && model.step === 0) await recorder.folder?.discard();
        if (!signal.aborted) throw error;
        throw await saveInterrupted(signal.reason, model, recorder, checkpoints);
      }
    });

    const document: RunDocument = {
      schema: 'fusor.run',
      version: 1,
      backend: backendOf(ranOn),
      seed: history.seed,
      data: dataOf(data),
      model: modelOf(model),
      history: recorder.epochs,
      test: { ...test, loss: test.loss, accuracy: test.accuracy ?? null },
      timing: { startupSeconds, setupSeconds, ...history.timing },
      memory: { peakBytes: process.resourceUsage().maxRSS * 1024 },
      fallback: fallbackOf(ranOn, attempt?.failed),
      ...(stopper && {
        earlyStopping: { stoppedEpoch: stopper.stoppedEpoch ?? null, bestEpoch: stopper.bestEpoch ?? null },
      }),
      runDir: folder.path,
      ...(settings.stepLosses && { stepLosses: recorder.stepLosses }),
    };
    await folder.write(ENVIRONMENT_FILE, environment(ranOn));
    await writeStepLosses(folder.path, history.stepLosses);
    await folder.write(RESULT_FILE, document);
    await report(document, history.stepLosses, model, data, runtimeLine(ranOn), out);
    if (settings.json) out.result(document);
    else {
      const { runText } = await import('../train/report.js');
      process.stdout.write(`${await runText(document, runtimeLine(ranOn), settings.quiet)}\n`);
    }
    return 0;
  } finally {
    await recorder.folder?.release();
    await model.dispose();
    await data.close?.();
  }
}

/** What the data was taken for, and what is odd about it. */
function remarkOn(data: OwnData, { settings, out }: Call<typeof train>, kept: KeptData): void {
  const { model, categorical } = settings;
  if (isOwnFolder(settings.data)) out.note(described(data, model === undefined ? undefined : kept));
  for (const line of oddities(data, categorical)) out.note(line);
  const isTrained = model !== undefined && !isConfiguration(model);
  if (isTrained && data.schema?.scale === 'standard' && !kept.schema)
    out.note(unknownScale(model, 'they are by these rows'));
}

/** What a run folder holds before the first step. */
async function begin(folder: RunFolder, config: object, environment: object, data: OwnData): Promise<void> {
  try {
    // First: it makes the folder a run that can be gone on with.
    await folder.write(CONFIG_FILE, config);
    await folder.write(ENVIRONMENT_FILE, environment);
    const toKeep = keptOf(data);
    if (toKeep) await folder.write(DATA_FILE, toKeep);
  } catch (error) {
    await folder.release();
    throw error;
  }
}

async function dashboardOf(
  model: Model,
  runtime: RuntimeInfo,
  { settings: { batchSize } }: Call<typeof train>,
  data: string,
  seed: number,
  folder: () => string,
) {
  const { Dashboard } = await import('../dashboard/dashboard.js');
  const title = `Training ${model.name} on ${data}`;
  // Also with --quiet: who asks for a page has to learn where it is.
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  const facts = () => ({ title, ranOn: runtimeLine(runtime), seed, batchSize, folder: folder() });
  return new Dashboard(facts, say);
}

/** No run is lost for its pictures. */
async function report(
  ...[document, losses, model, data, ranOn, out]: [...Parameters<typeof writeReport>, Output]
) {
  try {
    await writeReport(document, losses, model, data, ranOn);
  } catch (error) {
    out.note(`warning: no report.html: ${(error as Error).message}`);
  }
}

/** Paths that hold wherever the run is repeated from. */
function portable(settings: TrainSettings): Record<string, unknown> {
  const { data, model, label, ...others } = settings;
  return repeatable({
    label: label !== undefined && /\.(npy|gz|idx)$|ubyte$/.test(label) ? resolve(label) : label,
    data: isOwnFolder(data) ? resolve(data) : data,
    model: model === undefined ? undefined : resolve(model),
    ...others,
  });
}

/** To resume would diverge again. */
function noteLastFinite({ saved }: ModelCheckpoint, out: Output): void {
  if (!saved) return;
  out.note(
    `The last finite checkpoint is kept: train on from it with --model ${saved.file} --learning-rate …`,
  );
}

/** Keeps the model that was reached; the checkpoint of it is written already. */
async function saveInterrupted(
  reason: Interrupted,
  model: Model,
  { folder, epochs }: Recorder,
  { saved, saveError }: ModelCheckpoint,
): Promise<Interrupted> {
  if (!folder) return reason;
  folder.close();
  await saveModel(model, folder.modelFolder);
  const done = counted(epochs.length, 'epoch');
  const where = relative('', folder.path) || '.';
  const next = saved
    ? `go on with: npx fusor train --resume ${shellWord(where)}`
    : `no checkpoint was written${saveError ? ` (${(saveError as Error).message})` : ''}`;
  const message = `interrupted by ${reason.code} after ${done}, step ${model.step}: the model is kept in ${folder.path}; ${next}`;
  const details = {
    runDir: folder.path,
    epochs: epochs.length,
    step: model.step,
    checkpoint: saved?.file ?? null,
  };
  return new Interrupted(reason.code, message, details);
}
