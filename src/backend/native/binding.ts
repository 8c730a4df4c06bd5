/** The one door to native code: nothing else loads the addon. Types here are the addon's own (native/addon/). */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { FusorError } from '../../errors';
import type {
  Examples,
  Metrics,
  SessionDescription,
  SessionState,
  Span,
  SpanReport,
  TrainPlan,
} from '../contract';

/** A token names a job, so that it alone is aborted and heard. */
export type Token = number;

export interface NativeSession {
  /** On a GPU: makes what it takes, once, so that `describe` can say what it is. */
  start(): Promise<void>;
  describe(): SessionDescription;
  /** Copies at once; the number names the data set. */
  upload(examples: Examples): number;
  release(dataset: number): void;
  /** @param delay asks for a timeline; see {@link NativeDelay} */
  run(
    token: Token,
    dataset: number,
    span: Omit<Span, 'data'>,
    wantsProgress: boolean,
    delay?: NativeDelay,
  ): Promise<Omit<SpanReport, 'timeline'> & { timeline?: NativeTimeline }>;
  /** Null when aborted. */
  evaluate(
    token: Token,
    dataset: number,
    begin: number,
    end: number,
    batchSize: number,
  ): Promise<Metrics | null>;
  predict(x: Examples['x']): Promise<Float32Array>;
  readState(): Promise<SessionState>;
  writeState(state: SessionState): Promise<void>;
  abort(token: Token): void;
  dispose(): Promise<void>;
}

/** Time that a phase of a layer is to take longer, for tests; 0 for none. Numbers as in native/engine/stamps.h. */
export interface NativeDelay {
  phase: number;
  layer: number;
  microseconds: number;
  /** Names of the layers: phases become ranges of NVTX. */
  ranges?: string[];
}

/** As the contract's, in numbers of native/engine/stamps.h and on the clock of `process.hrtime`, in microseconds. */
export interface NativeTimeline {
  tracks: string[];
  leading: number;
  kernels: string[];
  track: Uint16Array;
  phase: Uint8Array;
  /** Index in the plan's layers, or −1. */
  layer: Int16Array;
  /** Index in `kernels`, or −1. */
  kernel: Int16Array;
  step: Int32Array;
  /** As in {@link Timeline}. */
  density: Float32Array;
  begin: Float64Array;
  end: Float64Array;
  launch: number;
  /** Time that the session's thread spent to find out, before `returned`. */
  aside: number;
  lost: number;
  returned: number;
}

export interface NativeOptions {
  kernels: string;
  /** 'auto', or an instruction set of {@link NativeInfo.isas}. */
  isa: string;
  /** 0 = one a core. */
  threads: number;
  /** 'cpu', 'cuda:N', or 'played': the CPU plays a GPU. Default 'cpu'. */
  device?: string;
  /** Of matrix products on a GPU. Default 'fp32'. */
  precision?: string;
  /** Where compiled kernels are kept; absent: nowhere. */
  cacheFolder?: string;
}

/** Versions as "13.0". */
export interface NativeCuda {
  /** The newest CUDA that the driver serves. */
  driver: string;
  /** What libtorch was built for; null for its CPU build. */
  libtorchCuda: string | null;
  nvrtc: string | null;
  /** Why there is no NVRTC. */
  nvrtcReason: string;
  /** In the order of their numbers. */
  devices: { name: string; capability: string; multiprocessors: number; memoryBytes: number }[];
}

export interface NativeInfo {
  /** Version of the libtorch that is loaded. */
  libtorch: string;
  /** Cores that this process may use. */
  cores: number;
  /** The widest instruction set that can run here, and all of them. */
  isa: string;
  isas: string[];
  /** What libtorch itself makes of the processor. */
  blas: string;
}

/** What this machine gives at most: to a number of threads together, or a GPU of it. */
export interface Ceilings {
  /** 0 for a GPU. */
  threads: number;
  /** 'cuda:0'; absent for the CPU. */
  device?: string;
  /** Floating-point operations a second by instruction set, on a GPU by precision; a multiply-add counts two. */
  flops: Record<string, number>;
  /**
   * Bytes a second by level, the nearest first. `bytes`: what the level holds, 0 for memory; `read`: reading alone;
   * `update`: in place, read and written bytes both counted.
   */
  bandwidths: { level: string; bytes: number; read: number; update: number }[];
}

/** One operation to measure; names as in native/addon/bench_wrap.cc. */
export interface KernelJob {
  op: string;
  batch: number;
  inputs: number;
  units: number;
  threads: number;
  /** Share of x that is not zero. */
  density: number;
  variants: readonly string[];
  /** Samples before those that count, and those. */
  warmup: number;
  repetitions: number;
  /** A whole number: when they have taken so long 5 repetitions are enough; 0: never. */
  seconds: number;
}

export interface KernelTimes {
  variant: string;
  /** False where this machine or this libtorch lacks it: then there are no seconds. */
  available: boolean;
  /** Against float64, in units of 2^-24 of the sum of the terms' magnitudes; and what an honest float32 sum keeps to. */
  error: number;
  allowed: number;
  /** Share of the products that were computed: where those with zeros are left out, not all of them. */
  computed: number;
  /** A call, one a repetition. */
  seconds: number[];
}

export interface NativeBinding {
  info(): NativeInfo;
  /**
   * May hang where the driver does: call it in a child process.
   * @throws ERR_BACKEND_UNAVAILABLE "reason · where · cure"
   */
  cudaDevices(): NativeCuda;
  /** These two block until they are done: call them in a child process (measure.ts). */
  ceilings(threadsOrDevice: number | string): Ceilings;
  benchKernel(job: KernelJob): KernelTimes[];
  /** Why fused kernels do not run the plan with these options, as one sentence; null where they do. */
  fusedObstacle(plan: TrainPlan, options: NativeOptions): string | null;
  Session: new (
    plan: TrainPlan,
    state: SessionState,
    options: NativeOptions,
    onProgress: (token: Token, stepsDone: number, loss: number, metrics: number[]) => void,
  ) => NativeSession;
}

/** Where the build puts the addon. */
export const ADDON_FILE = path.join(__dirname, '..', '..', '..', 'build', 'fusor.node');

let binding: NativeBinding | undefined;

/**
 * libtorch's threads wait for each other by spinning for about 10 ms, longer than a process keeps a core that others want, too: on
 * a busy machine most of a step was that. So few turns keep a step as short where nobody else computes, and make it a tenth where
 * others do; none at all make it twice as long there. GNU's OpenMP reads the variable when it is loaded, and never again.
 */
function sharingCores<T>(load: () => T): T {
  if (process.env.GOMP_SPINCOUNT ?? process.env.OMP_WAIT_POLICY) return load();
  process.env.GOMP_SPINCOUNT = '1000';
  try {
    return load();
  } finally {
    // Child processes are to find what the user has set.
    delete process.env.GOMP_SPINCOUNT;
  }
}

/**
 * Loads libtorch into this process (some 0.3 s, 160 MB).
 * @throws ERR_BACKEND_UNAVAILABLE when the addon is absent or does not load
 */
export function loadBinding(): NativeBinding {
  if (binding) return binding;
  if (!existsSync(ADDON_FILE)) {
    throw new FusorError('ERR_BACKEND_UNAVAILABLE', [
      'the native backend has not been built',
      ADDON_FILE,
      "run 'npx fusor native build'",
    ]);
  }
  try {
    binding = sharingCores(() => require(ADDON_FILE) as NativeBinding);
  } catch (error) {
    throw new FusorError(
      'ERR_BACKEND_UNAVAILABLE',
      [
        `the native backend does not load: ${firstLine(error)}`,
        ADDON_FILE,
        "run 'npx fusor native build', which builds it against the libtorch that is here now",
      ],
      {},
      { cause: error },
    );
  }
  return binding;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0];
}
