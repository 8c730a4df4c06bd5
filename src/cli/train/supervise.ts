/** Training on a GPU, which may fail: in a process of its own, gone on with from its last checkpoint. */
import { relative } from 'node:path';
import { type ErrorCode, FusorError, partsOf } from '../../errors';
import { chooseSeed } from '../../random';
import { findCheckpoint } from '../../runs/checkpoint-folder';
import { scheduleOf } from '../../runs/checkpoint-schedule';
import type { Call } from '../command';
import { Interrupted } from '../interrupt';
import type { train } from '../options';
import { shellWord } from '../output';
import { revived } from '../told-error';
import type { Fallback } from './document';
import type { TrainSettings } from './problem';
import { type Outcome, trainInProcess } from './training-process';
import { watchdogSeconds } from './watchdog';

/** Where nothing else is asked for: what a failure may cost. */
const INTERVAL = 'every:1,every:30s';

/**
 * @returns the exit status
 * @throws what ended the training; ERR_DEVICE_LOST when there is no device left to go on with
 */
export async function supervise({ out: _, ...call }: Call<typeof train>): Promise<number> {
  const { settings, origins } = call;
  const { device, precision, tfjsEngine } = settings;
  const seconds = watchdogSeconds();
  const failed: Fallback[] = [];
  let faults = process.env.FUSOR_FAULT;
  let tried: TrainSettings = {
    ...settings,
    seed: settings.seed ?? chooseSeed(),
    checkpoint: checkpointsOf(settings, origins.checkpoint),
  };
  for (;;) {
    const env = { ...process.env, ...(faults && { FUSOR_FAULT: faults }) };
    const asked = { device, precision, tfjsEngine };
    const ended = await trainInProcess({ call: { ...call, settings: tried }, asked, failed }, env, seconds);
    const { status, error, signal } = ended;
    if (status !== undefined) return status;
    const way = ended.way ?? failed.at(-1)?.to ?? tried.device;
    if (signal && !error) throw new Interrupted(signal);
    const onGpu = ended.device?.startsWith('cuda') ?? tried.device !== 'cpu';
    const reason = reasonOf(ended, onGpu, failed.length > 0);
    if (reason === undefined) throw revived(error!);
    if (failed.length > 0) failed[failed.length - 1].to = way;
    // A checkpoint that was named is the one to go on from until this training has its own.
    const resume = ended.saved ? ended.runDir : (tried.resume ?? ended.runDir);
    const next = onGpu ? placeAfter(settings, failed.length, ended.device) : undefined;
    if (!next) throw unrecovered(reason, way, failed.length, onGpu, resume);
    const found = resume === undefined ? undefined : await findCheckpoint(resume);
    const step = found?.checkpoint.state.step ?? 0;
    failed.push({ from: way, to: next.device === 'cpu' ? 'cpu' : way, reason, step });
    const where = next.device === 'cpu' ? 'the CPU' : 'the same device';
    process.stderr.write(`fusor: ${way} failed: ${reason} · going on with ${where} from step ${step}\n`);
    tried = { ...tried, ...next, ...(resume && { resume, runDir: undefined, config: undefined }) };
    // Each process that takes the simulated device has a fault of its own.
    faults &&= faults.split(',').slice(1).join(',') || 'none';
  }
}

/** At what intervals to write checkpoints: those that were asked for, if any were. */
function checkpointsOf({ checkpoint, fallback }: TrainSettings, origin: string): string {
  if (fallback === 'never') return checkpoint;
  const { epochs, steps, seconds, best } = scheduleOf(origin, 'the value', checkpoint);
  if (origin !== 'default' && (epochs ?? steps ?? seconds)) return checkpoint;
  return best ? `best,${INTERVAL}` : INTERVAL;
}

/** What failed, where it was the device; undefined where it was the task. */
function reasonOf({ death, step, error, device }: Outcome, onGpu: boolean, again: boolean) {
  if (death) return `the training process ${death}${step === undefined ? '' : ` after step ${step}`}`;
  const ofTheDevice =
    error?.code === 'ERR_DEVICE_LOST' ||
    (error?.code === 'ERR_OUT_OF_MEMORY' && device !== undefined) ||
    (error?.code === 'ERR_BACKEND_UNAVAILABLE' && again);
  return onGpu && ofTheDevice ? partsOf(error).what : undefined;
}

type Place = Pick<TrainSettings, 'device' | 'precision' | 'tfjsEngine'>;

/** The same device once more, then the CPU. @param device that it ran on, perhaps a simulated one */
function placeAfter(settings: TrainSettings, failures: number, device?: string): Place | undefined {
  const { fallback, precision, tfjsEngine } = settings;
  if (fallback === 'never') return undefined;
  if (fallback === 'auto' && failures === 0) {
    const same = device?.split(' ')[0] as Place['device'] | undefined;
    return { device: same ?? settings.device, precision, tfjsEngine };
  }
  return { device: 'cpu', precision: 'fp32', tfjsEngine: tfjsEngine === 'node-gpu' ? 'auto' : tfjsEngine };
}

function unrecovered(
  reason: string,
  way: string,
  failures: number,
  onGpu: boolean,
  resume: string | undefined,
): FusorError {
  // Without a GPU it is nothing that a device did.
  const code: ErrorCode = onGpu || failures > 0 ? 'ERR_DEVICE_LOST' : 'ERR_NATIVE';
  const where = resume && (relative('', resume) || '.');
  const mend = where && `go on with: npx fusor train --resume ${shellWord(where)}`;
  return new FusorError(code, [reason, way, mend], { runDir: resume ?? null });
}
