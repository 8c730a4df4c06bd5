import type { StepDown } from '../backend/selection';
import type { ArrayLike } from '../data/ndarray';
import type { TrainingConfig } from './compile';
import type { LayerConfig } from './layers';

/** A model as JSON-safe data: structure and training config, without weights. */
export interface ModelConfig {
  className: 'Sequential';
  name: string;
  layers: LayerConfig[];
  /** What it was compiled with; absent when it was not. Where to run is not part of it. */
  compile?: TrainingConfig;
}

/** What a model runs on. */
export interface RuntimeInfo {
  /** 'native', 'tfjs'. */
  backend: string;
  /** 'libtorch'; of tfjs 'node-gpu', 'node', 'wasm', 'cpu'. */
  engine: string;
  /** 'cpu', 'cuda:0'. */
  device: string;
  /** 'NVIDIA H200'; of a CPU its model and the cores that this process may use: 'AMD EPYC, 2 cores'. */
  deviceName: string;
  /** 'fused', 'framework', … */
  kernels: string;
  /** The instruction set: 'avx512', 'avx2', …; of a GPU its architecture, 'sm_90'. */
  isa: string;
  /** Threads that compute; of fused kernels on a GPU, its multiprocessors. */
  threads: number;
  /** Of the libraries, by name. */
  versions: Record<string, string>;
  /** Whether the library behind it sees a GPU; absent where it could not use one. */
  gpuVisible?: boolean;
  /** Of matrix products on a GPU: 'fp32', 'tf32', 'bf16'; absent on a CPU. */
  precision?: string;
  /** What would have been better, and why it could not be had. */
  steppedDown: StepDown[];
}

export interface EvaluateOptions {
  /** Rows at a time; default 32. The result does not depend on it but for rounding. */
  batchSize?: number;
  /** Factors for the loss, one a row. */
  sampleWeight?: ArrayLike;
  /** Ends it: its reason is thrown, where it is an error, else an AbortError of which it is the cause. */
  signal?: AbortSignal;
}

/** The loss and each metric by its name: means over the rows. */
export interface Evaluation {
  loss: number;
  [metric: string]: number;
}
