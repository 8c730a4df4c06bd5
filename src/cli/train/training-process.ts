/** One training in a process of its own, watched. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { ToldError } from '../told-error';
import type { Task, Told } from './attempt';
import { Watchdog } from './watchdog';

/** Libraries may hang on the way out: a process whose work is done gets so many milliseconds. */
const LEAVE = 5000;
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
type Signal = (typeof SIGNALS)[number];

/** What is known of a training, and how it ended: by one of status, error and death. */
export interface Outcome {
  way?: string;
  /** 'cuda:0'; absent where it ended before it had one. */
  device?: string;
  runDir?: string;
  /** Whether it has written a checkpoint. */
  saved: boolean;
  step?: number;
  status?: number;
  error?: ToldError;
  /** 'was killed by SIGSEGV', 'made no progress in 30 s'. */
  death?: string;
  /** The user's, which the training had to obey. */
  signal?: Signal;
}

/** @param seconds without progress that are always granted */
export function trainInProcess(task: Task, env: NodeJS.ProcessEnv, seconds: number): Promise<Outcome> {
  const outcome: Outcome = { saved: false };
  // In a group of its own: a terminal's Ctrl-C comes here only, and is passed on once.
  const child = fork(join(__dirname, 'child.js'), {
    detached: true,
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let watchdog: Watchdog | undefined;
  const hangs = () => {
    outcome.death ??= `made no progress in ${Math.round(watchdog!.limit * 10) / 10} s`;
    child.kill('SIGKILL');
  };
  const hear: { [K in Told['kind']]: (told: Extract<Told, { kind: K }>) => void } = {
    opened: ({ way, device }) => Object.assign(outcome, { way, device }),
    begun: ({ runDir }) => {
      outcome.runDir = runDir;
      if (outcome.device?.startsWith('cuda')) watchdog = new Watchdog(seconds, hangs);
    },
    step: ({ step, work, saved }) => {
      Object.assign(outcome, { step, saved });
      watchdog?.progress(step, work);
    },
    done: ({ status }) => end({ status }),
    failed: ({ error }) => end({ error }),
  };
  const end = (how: Partial<Outcome>) => {
    Object.assign(outcome, how);
    watchdog?.stop();
    setTimeout(() => child.kill('SIGKILL'), LEAVE).unref();
  };
  child.on('message', (told: Told) => (hear[told.kind] as (told: Told) => void)(told));
  child.send(task, () => {});
  return withSignals(child, outcome, async () => {
    // 'close' comes after the last message.
    const [status, signal, error] = await new Promise<[number | null, string | null, Error?]>((done) => {
      child.once('close', (...how) => done(how));
      child.once('error', (cause) => done([null, null, cause]));
    });
    watchdog?.stop();
    if (outcome.status === undefined && !outcome.error)
      outcome.death ??=
        error?.message ?? (signal ? `was killed by ${signal}` : `ended with status ${status}`);
    return outcome;
  });
}

/** Passes the user's first signal on; the second ends the child at once. */
async function withSignals<T>(child: ChildProcess, outcome: Outcome, work: () => Promise<T>): Promise<T> {
  const pass = (signal: Signal) => {
    child.kill(outcome.signal ? 'SIGKILL' : signal);
    outcome.signal ??= signal;
  };
  for (const signal of SIGNALS) process.on(signal, pass);
  try {
    return await work();
  } finally {
    for (const signal of SIGNALS) process.off(signal, pass);
  }
}
