import type { OwnData } from '../../data/open-table';
import type { Model, RuntimeInfo } from '../../index';
import type { EpochRecord } from '../../runs/epoch-records';
import { rowsOf } from './data';

/** What a run ran on. */
export type BackendRecord = Omit<RuntimeInfo, 'steppedDown' | 'backend'> & { name: string };

/** A better way that could not be had, or that failed on the way. `to` did the rest, from `step` on: 0 is all. */
export interface Fallback {
  from: string;
  to: string;
  reason: string;
  step: number;
}

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
  test: { loss: number; accuracy: number | null; [metric: string]: number | null };
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
  fallback: Fallback[];
  /** Only with --early-stopping. Epochs are counted from 0; null before there is one. The model has the weights of the best. */
  earlyStopping?: { stoppedEpoch: number | null; bestEpoch: number | null };
  runDir: string;
  /** Only with --step-losses. */
  stepLosses?: number[];
}

export function backendOf(runtime: RuntimeInfo): BackendRecord {
  const { backend: name, steppedDown: _, ...runs } = runtime;
  return { name, ...runs };
}

/** 'native cpu', 'tfjs wasm', 'tfjs node-gpu cuda:0'. */
export function wayOf({ backend, engine, device }: RuntimeInfo): string {
  if (backend === 'native') return `native ${device}`;
  return [backend, engine, device !== 'cpu' && device].filter(Boolean).join(' ');
}

/** @param failed on the way; the last of them led to what runs */
export function fallbackOf(runtime: RuntimeInfo, failed: readonly Fallback[] = []): Fallback[] {
  const to = wayOf(runtime);
  const absent = runtime.steppedDown.map(({ candidate, reason }) => ({
    from: candidate,
    to,
    reason,
    step: 0,
  }));
  return [...absent, ...failed.slice(0, -1), ...failed.slice(-1).map((last) => ({ ...last, to }))];
}

export function dataOf({ name, train, validation, sha256 }: OwnData): RunDocument['data'] {
  return { name, rows: rowsOf(train) + (validation ? rowsOf(validation) : 0), sha256 };
}

export function modelOf(model: Model): RunDocument['model'] {
  return { layers: model.toJSON().layers, parameters: model.parameterCount };
}
