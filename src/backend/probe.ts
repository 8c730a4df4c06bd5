/** Looks at native code from a child process, so that whatever it does, this process lives. */
import { fork } from 'node:child_process';
import path from 'node:path';
import type { Availability } from './contract';

/** What a dead child leaves unusable. */
export interface ProbeSubject {
  /** e.g. 'libtorch'. */
  engine: string;
  /** 'cpu', 'cuda'. */
  device: string;
}

const MAX_LOG = 2000;

/**
 * @param modulePath absolute path of a CommonJS module that exports `probeHere(): Promise<Availability>`
 * @param timeoutMs after which the child is killed; default 30 s
 * @param subjects one unusable candidate is made of each when the child crashes, hangs or throws
 * @returns never rejects
 */
export function probeInChild(
  modulePath: string,
  timeoutMs = 30_000,
  subjects: readonly ProbeSubject[] = [{ engine: path.basename(modulePath, '.js'), device: 'cpu' }],
): Promise<Availability> {
  return new Promise((resolve) => {
    let log = '';
    let timedOut = false;
    const settle = (availability: Availability): void => {
      clearTimeout(timer);
      // Libraries may take long, or crash, on the way out; nothing in the child is worth waiting for.
      child.kill('SIGKILL');
      resolve(availability);
    };
    const unusable = (reason: string): void => {
      const said = log.trim().split('\n')[0].slice(0, 200);
      const candidates = subjects.map((subject) => ({
        ...subject,
        deviceName: '',
        usable: false,
        reason: said && !reason.includes(said) ? `${reason}: ${said}` : reason,
        cure: "run 'fusor doctor' for the details",
        versions: {},
      }));
      settle({ candidates });
    };
    const child = fork(path.join(__dirname, 'probe-child.js'), [modulePath], {
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
    child.on('error', (error) => unusable(`the probe could not be started: ${error.message}`));
    child.on('message', (message: { availability?: Availability; error?: string }) => {
      if (message.availability) settle(message.availability);
      else unusable(message.error?.split('\n')[0] || 'the probe gave no answer');
    });
    // 'close' comes after the log has been read.
    child.on('close', (code, signal) => {
      if (timedOut) unusable(`the probe gave no answer within ${timeoutMs / 1000} s`);
      else unusable(signal ? `the probe was killed by ${signal}` : `the probe ended with status ${code}`);
    });
  });
}
