/**
 * Signals. The first one during guarded work asks it to stop after the step at hand, so that what was reached can
 * be saved; a second one, or the first outside guarded work, ends the process at once.
 */
import { type ErrorDetails, exitStatusOf } from '../errors';

/** As shells count: 128 + the number of the signal. A pipe that nobody reads any more counts as SIGPIPE. */
const STATUS = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;
type Reason = keyof typeof STATUS;

/** Leaving takes at most this long after the work has stopped, whatever still keeps the process alive. */
const LEAVE_MS = 1000;

export class Interrupted extends Error {
  override readonly name = 'AbortError';
  readonly code: Reason;
  readonly status: number;
  /** There is nobody to tell. */
  readonly quiet: boolean;

  constructor(
    reason: Reason,
    message = `interrupted by ${reason}`,
    readonly details: ErrorDetails = {},
  ) {
    super(message);
    this.code = reason;
    this.status = STATUS[reason];
    this.quiet = reason === 'SIGPIPE';
  }
}

/** Of the guarded work, while there is some. */
let controller: AbortController | undefined;

/**
 * To be called once. A closed pipe (`fusor … | head`) ends training; other work just has nobody to tell. Progress that cannot be
 * written otherwise, as to a full disk, ends nothing.
 * @param tell says what ended work that nothing guards; what is guarded rejects, and whoever called it says so
 */
export function listenForSignals(tell: (interrupted: Interrupted) => void): void {
  const stop = (reason: Reason) => {
    // A build, for one, first ends the compiler that it runs.
    if (!controller && process.listenerCount(reason) > 1) return;
    if (!controller) tell(new Interrupted(reason));
    if (!controller || controller.signal.aborted) process.exit(STATUS[reason]);
    controller.abort(new Interrupted(reason));
  };
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') {
        if (controller && !controller.signal.aborted) stop('SIGPIPE');
        return;
      }
      if (stream === process.stderr) return;
      process.stderr.write(`error: cannot write to stdout (${error.code}) [ERR_IO]\n`);
      process.exit(exitStatusOf({ code: 'ERR_IO' }));
    });
  }
}

/**
 * Does `work`, which gets a signal that aborts with an {@link Interrupted}.
 * After an abort `work` should save and reject with what it was given, or an Interrupted that tells more.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const own = new AbortController();
  controller = own;
  try {
    return await work(own.signal);
  } finally {
    // A second signal still ends the process at once.
    if (!own.signal.aborted) controller = undefined;
    else setTimeout(() => process.exit((own.signal.reason as Interrupted).status), LEAVE_MS).unref();
  }
}
