/** Those who train to be verified, each in a process of its own: our ways to run, and outside witnesses. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FusorError } from '../../errors';
import { writeAtomic } from '../../files/atomic';
import { makeFolder } from '../../runs/fresh-folder';
import { revived, type ToldError } from '../told-error';
import type { Problem } from '../train/problem';
import type { Obstacle, Way } from '../ways';
import { type Contents, readTrace, TRACE_FILE, type Trace } from './trace-files';

/** Which weights to keep, and whether to train the epoch in one go. */
export interface TracePlan {
  snapshots: readonly number[];
  epoch: boolean;
}

/** Where a process stopped before it had trained. */
export interface Failure extends ToldError {
  code: string;
}

export interface Tracer {
  name: string;
  trace(plan: TracePlan, signal: AbortSignal): Promise<Trace | Failure>;
}

export const failed = (result: Trace | Failure): result is Failure => 'code' in result;

/** Shapes of weights by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** What all tracers of one verification share. */
export interface Job extends Contents {
  problem: Problem;
  seed: number;
  shapes: Shapes;
  /** Where each trace gets a folder. */
  temp: string;
}

/** What is said of no tracer: what is not there, and what the disk does not take. */
const OF_NO_TRACER = ['ERR_BACKEND_UNAVAILABLE', 'ERR_IO'];

let traces = 0;

/** @throws ERR_IO */
export async function newFolder({ temp }: Job): Promise<string> {
  const folder = join(temp, String(++traces));
  await makeFolder(folder);
  return folder;
}

export function wayTracer(way: Way, job: Job): Tracer {
  const { name, backend, device, kernels, tfjsEngine } = way;
  return {
    name,
    trace: async (plan, signal) => {
      const folder = await newFolder(job);
      const where = { backend, device, kernels, tfjsEngine, precision: 'fp32', quiet: true } as const;
      const problem = { ...job.problem, settings: { ...job.problem.settings, ...where } };
      const request = join(folder, 'request.json');
      await writeAtomic(request, JSON.stringify({ ...plan, problem, seed: job.seed, folder }));
      const child = join(__dirname, 'trace-child.js');
      return runTracer(process.execPath, [child, name, request], folder, job, signal);
    },
  };
}

/** Runs a program that leaves a trace in `folder`, or prints `{code, message}` and fails. */
export async function runTracer(
  program: string,
  args: readonly string[],
  folder: string,
  job: Job,
  signal: AbortSignal,
): Promise<Trace | Failure> {
  const { stdout, stderr, how } = await run(program, args, signal);
  signal.throwIfAborted();
  if (existsSync(join(folder, TRACE_FILE))) return readTrace(folder, job);
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  } catch {
    const said = stderr.trim().split('\n').at(-1) ?? '';
    return {
      code: 'ERR_INTERNAL',
      message: [`its process ended with ${how}`, said].filter(Boolean).join(': '),
    };
  }
}

function run(program: string, args: readonly string[], signal: AbortSignal) {
  return new Promise<{ stdout: string; stderr: string; how: string }>((done) => {
    const out = { stdout: '', stderr: '' };
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        // The end is what tells.
        out[name] = (out[name] + text).slice(-100_000);
      });
    child.once('error', (error) => done({ ...out, how: error.message }));
    child.once('close', (status, killedBy) => done({ ...out, how: killedBy ?? `status ${status}` }));
  });
}

/**
 * One after the other, so that they do not share the processor. Who cannot run the plan is refused, with the reason.
 * @throws ERR_BACKEND_UNAVAILABLE for what was asked for and is not there, and where fewer than two are left; ERR_IO
 */
export async function trainEach(
  tracers: readonly Tracer[],
  plan: TracePlan,
  signal: AbortSignal,
  tell: (name: string) => void,
): Promise<{ traces: Map<Tracer, Trace | Failure>; refused: Obstacle[] }> {
  const traces = new Map<Tracer, Trace | Failure>();
  const refused: Obstacle[] = [];
  if (tracers.length < 2) throw nothingToCompare(refused);
  for (const tracer of tracers) {
    tell(tracer.name);
    const result = await tracer.trace(plan, signal);
    if (!failed(result)) traces.set(tracer, result);
    else if (OF_NO_TRACER.includes(result.code)) throw revived(result);
    else if (result.code === 'ERR_UNSUPPORTED')
      refused.push({ name: tracer.name, reason: result.message, cure: '' });
    else traces.set(tracer, result);
  }
  if (traces.size < 2) throw nothingToCompare(refused);
  return { traces, refused };
}

function nothingToCompare(refused: readonly Obstacle[]): FusorError {
  return new FusorError('ERR_BACKEND_UNAVAILABLE', [
    'there is nothing to compare with: two trainings are needed',
    refused.map(({ name, reason }) => `${name}: ${reason}`).join('; '),
    'name a witness (--against keras), or more of --backends',
  ]);
}
