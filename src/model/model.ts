import type { Backend, SessionState, TrainPlan } from '../backend/contract';
import type { StepDown } from '../backend/select';
import type { ArrayLike, NDArray } from '../data/ndarray';
import type { Callback, TrainedModel } from '../train/callbacks';
import type { History } from '../train/history';
import type { CompileOptions, TrainingConfig } from './compile';
import type { LayerConfig } from './layers';

export interface ModelConfig {
  className: 'Sequential';
  name: string;
  layers: LayerConfig[];
  compile?: TrainingConfig;
}

/** What a model runs on. */
export interface RuntimeInfo {
  backend: string;
  engine: string;
  device: string;
  deviceName: string;
  kernels: string;
  isa: string;
  threads: number;
  versions: Record<string, string>;
  steppedDown: StepDown[];
}

export interface FitOptions {
  batchSize?: number;
  epochs?: number;
  validationSplit?: number;
  validationData?: readonly [x: ArrayLike, y: ArrayLike, sampleWeight?: ArrayLike];
  shuffle?: boolean;
  seed?: number;
  callbacks?: readonly Callback[];
  signal?: AbortSignal;
  classWeight?: Readonly<Record<number, number>>;
  sampleWeight?: ArrayLike;
  verbose?: 0 | 1 | 2 | 'auto';
  initialEpoch?: number;
}

export interface EvaluateOptions {
  batchSize?: number;
  sampleWeight?: ArrayLike;
  signal?: AbortSignal;
}

export class Model implements TrainedModel {
  readonly name: string = '';
  readonly layers: readonly LayerConfig[] = [];
  readonly layerNames: readonly string[] = [];
  readonly parameterCount: number = 0;
  readonly inputShape: readonly number[] = [];
  readonly outputShape: readonly number[] = [];
  readonly weightNames: readonly string[] = [];
  learningRate = 0;

  compile(_options: CompileOptions): void {}
  async fit(_x: ArrayLike, _y: ArrayLike, _options?: FitOptions): Promise<History> {
    throw new Error('to come');
  }
  async evaluate(_x: ArrayLike, _y: ArrayLike, _options?: EvaluateOptions): Promise<Record<string, number>> {
    throw new Error('to come');
  }
  async predict(_x: ArrayLike, _options?: { batchSize?: number }): Promise<NDArray<Float32Array>> {
    throw new Error('to come');
  }
  summary(): string {
    throw new Error('to come');
  }
  toJSON(): ModelConfig {
    throw new Error('to come');
  }
  async getWeights(): Promise<NDArray<Float32Array>[]> {
    throw new Error('to come');
  }
  async setWeights(_weights: readonly NDArray[]): Promise<void> {}
  async readState(): Promise<SessionState> {
    throw new Error('to come');
  }
  async writeState(_state: SessionState): Promise<void> {}
  async backend(): Promise<Backend> {
    throw new Error('to come');
  }
  async runtime(): Promise<RuntimeInfo> {
    throw new Error('to come');
  }
  plan(): TrainPlan {
    throw new Error('to come');
  }
  async dispose(): Promise<void> {}
}

export function sequential(_layers: readonly LayerConfig[], _options?: { name?: string }): Model {
  return new Model();
}

export function modelFromJSON(_config: unknown): Model {
  return new Model();
}
