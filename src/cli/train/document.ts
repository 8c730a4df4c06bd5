import type { ImageDataset } from '../../data/datasets';
import type { Model, RuntimeInfo } from '../../index';
import type { EpochRecord } from '../../io/run-folder';

/** What a run ran on. */
export type BackendRecord = Omit<RuntimeInfo, 'steppedDown' | 'backend'> & { name: string };

/** What `train --json` prints and run.json keeps. */
export interface RunDocument {
  schema: 'fusor.run';
  version: 1;
  backend: BackendRecord;
  seed: number;
  /** rows: those trained and validated on. */
  data: { name: string; rows: number; sha256: string };
  model: { layers: unknown[]; parameters: number };
  history: EpochRecord[];
  test: { loss: number; accuracy: number | null };
  timing: {
    /** From the start of the process to the beginning of fit: Node.js, the data, the backend. */
    startupSeconds: number;
    /** The part of it after the command line was read. */
    setupSeconds: number;
    fitSeconds: number;
    steps: number;
    stepMicroseconds: number;
  };
  /** The most memory that the process has held resident. */
  memory: { peakBytes: number };
  /** Better ways that could not be had; step: when that was found, 0 before training. */
  fallback: { from: string; to: string; reason: string; step: number }[];
  runDir: string;
  /** Only with --step-losses. */
  stepLosses?: number[];
}

export function backendOf(runtime: RuntimeInfo): BackendRecord {
  const { backend: name, steppedDown: _, ...runs } = runtime;
  return { name, ...runs };
}

export function fallbackOf(runtime: RuntimeInfo): RunDocument['fallback'] {
  const to =
    runtime.backend === 'native' ? `native ${runtime.device}` : `${runtime.backend} ${runtime.engine}`;
  return runtime.steppedDown.map(({ candidate, reason }) => ({ from: candidate, to, reason, step: 0 }));
}

export function dataOf({ name, train, sha256 }: ImageDataset): RunDocument['data'] {
  return { name, rows: train.x.shape[0], sha256 };
}

export function modelOf(model: Model): RunDocument['model'] {
  return { layers: model.toJSON().layers, parameters: model.parameterCount };
}
