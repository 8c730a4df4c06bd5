/** `fusor bench kernel`: operations of a Dense layer, variant beside variant. */
import { benchEnvironment, type Ceilings, type KernelTimes, measuring } from '../backend/native/measure';
import { counted } from '../counted';
import { type Machine, machine } from './machine';
import { type Share, shareOf } from './roofline';
import { figure, median } from './statistics';
import { type Op, type Shape, type Work, workOf } from './work';

/** Ours (the best instruction set, or a named one), PyTorch's, and oneDNN's as PyTorch ships it. */
export const VARIANTS = [
  'fused',
  'fused-amx',
  'fused-avx512',
  'fused-avx2',
  'fused-neon',
  'fused-scalar',
  'aten',
  'onednn',
] as const;
export type Variant = (typeof VARIANTS)[number];

export interface KernelBench {
  ops: readonly Op[];
  shapes: readonly Shape[];
  variants: readonly Variant[];
  /** Each is measured; empty: one a core. */
  threads: readonly number[];
  /** Share of x that is not 0; by default {@link MNIST} of bytes in the sparse operations, all in the others. */
  density?: number;
  warmup: number;
  /** By default 20, or the 5 or more that ten seconds have room for. */
  repetitions?: number;
}

/** Share of MNIST's pixels that are not 0. */
const MNIST = 0.19;
const REPETITIONS = 20;
const SECONDS = 10;

export interface Row extends Shape, Share {
  op: Op;
  threads: number;
  variant: string;
  repetitions: number;
  /** Of one call. */
  seconds: { median: number; min: number; max: number; spread: number };
  /** Share of the products that were computed: where those with zeros are left out, not all of them. */
  computed: number;
  /** Of those that were. */
  gflops: number;
  gbytes: number;
  /** Against float64: see {@link KernelTimes}. */
  error: number;
  allowed: number;
  /** How many times as fast as the better of ATen and oneDNN, repetition by repetition; null where neither ran. */
  timesLibrary: number | null;
}

export interface KernelReport {
  machine: Machine & { isa: string; libtorch: string; blas: string };
  ceilings: Ceilings[];
  rows: Row[];
  /** Variants that this machine or this libtorch lacks. */
  absent: string[];
}

/** @param heard what is being measured, before each case */
export function benchKernel(job: KernelBench, heard: (text: string) => void): Promise<KernelReport> {
  return measuring(async ({ ask }) => {
    const { cores, isa, libtorch, blas } = await ask('info', undefined);
    const report: KernelReport = {
      machine: { ...machine(benchEnvironment()), cores, isa, libtorch, blas },
      ceilings: [],
      rows: [],
      absent: [],
    };
    for (const threads of job.threads.length > 0 ? job.threads : [cores]) {
      heard(`ceilings, ${counted(threads, 'thread')}`);
      const ceilings = await ask('ceilings', threads);
      report.ceilings.push(ceilings);
      for (const shape of job.shapes) {
        for (const op of job.ops) {
          heard(`${op} ${shapeName(shape)}, ${counted(threads, 'thread')}`);
          const { variants, warmup, repetitions = REPETITIONS } = job;
          const { density = op.startsWith('sparse') ? MNIST : 1 } = job;
          const seconds = job.repetitions === undefined ? SECONDS : 0;
          const how = { variants, density, warmup, repetitions, seconds };
          const times = await ask('benchKernel', { op, ...shape, threads, ...how });
          const work = workOf(op, shape, density);
          report.rows.push(
            ...rowsOf(times, work, ceilings).map((row) => ({ op, ...shape, threads, ...row })),
          );
          for (const { variant, available } of times) {
            const line = `${variant} ${op}`;
            if (!available && !report.absent.includes(line)) report.absent.push(line);
          }
        }
      }
    }
    return report;
  });
}

/** @param times of one operation at one shape */
export function rowsOf(times: readonly KernelTimes[], work: Work, ceilings: Ceilings) {
  const ran = times.filter(({ available }) => available);
  const libraries = ran.filter(({ variant }) => variant === 'aten' || variant === 'onednn');
  const [library] = libraries.toSorted((a, b) => median(a.seconds) - median(b.seconds));
  return ran.map(({ variant, seconds, error, allowed, computed }) => {
    const middle = median(seconds);
    const done = { ...work, flops: computed * work.flops };
    return {
      variant,
      repetitions: seconds.length,
      seconds: figure(seconds),
      computed,
      gflops: done.flops / middle / 1e9,
      gbytes: (work.read + work.written) / middle / 1e9,
      ...shareOf(done, middle, ceilings),
      error,
      allowed,
      // Pair by pair: what drifts on the machine drifts for both.
      timesLibrary: library ? median(seconds.map((own, i) => library.seconds[i] / own)) : null,
    };
  });
}

export function shapeName({ batch, inputs, units }: Shape): string {
  return `${batch}x${inputs}x${units}`;
}
