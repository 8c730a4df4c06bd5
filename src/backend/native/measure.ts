/** Measures native code in a child process: it blocks, and its libraries' threads stay out of this one. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { FusorError } from '../../errors';
import type { Ceilings, KernelJob, KernelTimes, NativeInfo } from './binding';

export type { Ceilings, KernelJob, KernelTimes, NativeInfo };

/** What can be asked of the child, and what it answers. */
export interface Questions {
  info: { argument: undefined; answer: NativeInfo };
  ceilings: { argument: number | string; answer: Ceilings };
  benchKernel: { argument: KernelJob; answer: KernelTimes[] };
}

export interface Measurer {
  /** @throws what the addon threw; ERR_BACKEND_UNAVAILABLE where there is none, or the child died */
  ask<Q extends keyof Questions>(
    question: Q,
    argument: Questions[Q]['argument'],
  ): Promise<Questions[Q]['answer']>;
}

/** Some machines export it, and it makes libraries pick kernels for another processor. */
export function benchEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, ...rest } = env;
  return rest;
}

/** Does `work` with a child that answers one question at a time, and ends the child. */
export async function measuring<T>(work: (measurer: Measurer) => Promise<T>): Promise<T> {
  const child = fork(path.join(__dirname, 'measure-child.js'), [], {
    execArgv: [],
    env: benchEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  try {
    return await work({ ask: (question, argument) => answerOf(child, { question, argument }) });
  } finally {
    process.off('exit', end);
    end();
  }
}

function answerOf<A>(child: ChildProcess, message: { question: string; argument: unknown }): Promise<A> {
  return new Promise((resolve, reject) => {
    const died = (code: number | null, signal: string | null) =>
      reject(
        new FusorError('ERR_BACKEND_UNAVAILABLE', [
          `the measuring process ended with ${signal ?? `status ${code}`}`,
          message.question,
          "run 'npx fusor doctor' for the details",
        ]),
      );
    child.once('exit', died);
    child.once('message', ({ answer, error }: { answer?: A; error?: { code: string; message: string } }) => {
      child.off('exit', died);
      if (error) reject(new FusorError(error.code as 'ERR_NATIVE', [error.message]));
      else resolve(answer as A);
    });
    child.send(message);
  });
}
