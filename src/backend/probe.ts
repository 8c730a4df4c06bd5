/** Looks at native code from a child process, so that whatever it does, this process lives. */
import { fork } from 'node:child_process';
import path from 'node:path';
import type { Candidate } from './contract';

/** What a dead child leaves unusable. */
export type ProbeSubject = Pick<Candidate, 'engine' | 'device'>;

export function unusable(subject: ProbeSubject, reason: string, cure: string): Candidate {
  return { ...subject, deviceName: '', usable: false, reason, cure, versions: {} };
}

const MAX_LOG = 2000;

/**
 * @param modulePath absolute path of a CommonJS module that exports `probeHere(...args): Promise<Candidate[]>`
 * @param timeoutMs after which the child is killed
 * @param subjects one unusable candidate is made of each when the child crashes, hangs or throws
 * @returns never rejects
 */
export function probeInChild(
  modulePath: string,
  timeoutMs: number,
  subjects: readonly ProbeSubject[],
  args: readonly string[] = [],
): Promise<Candidate[]> {
  return new Promise((resolve) => {
    let log = '';
    let timedOut = false;
    const settle = (candidates: Candidate[]): void => {
      clearTimeout(timer);
      // Libraries may take long, or crash, on the way out; nothing in the child is worth waiting for.
      child.kill('SIGKILL');
      resolve(candidates);
    };
    const died = (reason: string): void => {
      const said = log.trim().split('\n')[0].slice(0, 200);
      const why = said && !reason.includes(said) ? `${reason}: ${said}` : reason;
      settle(subjects.map((subject) => unusable(subject, why, "run 'npx fusor doctor' for the details")));
    };
    const child = fork(path.join(__dirname, 'probe-child.js'), [modulePath, ...args], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stderr?.on('data', (chunk) => {
      log = (log + chunk).slice(0, MAX_LOG);
    });
    child.on('error', (error) => died(`the probe could not be started: ${error.message}`));
    child.on('message', (message: { candidates?: Candidate[]; error?: string }) => {
      if (message.candidates) settle(message.candidates);
      else died(message.error?.split('\n')[0] || 'the probe gave no answer');
    });
    // 'close' comes after the log has been read.
    child.on('close', (code, signal) => {
      if (timedOut) died(`the probe gave no answer within ${timeoutMs / 1000} s`);
      else died(signal ? `the probe was killed by ${signal}` : `the probe ended with status ${code}`);
    });
  });
}
