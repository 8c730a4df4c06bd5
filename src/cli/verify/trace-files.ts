/**
 * What a process that trains to be verified leaves in its folder, whatever language it is written in: trace.json, and
 * weights-N.f32, the weights after N steps one after the other as little-endian float32.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainPlan } from '../../index';
import { roundingOf } from './rounding';

/** Weights by name, in their order. */
export type Snapshot = ReadonlyMap<string, Float32Array>;

/** What trace.json holds. */
export interface TraceFile {
  /** Engine, kernels and versions, in one line. */
  ranOn: string;
  /** One loss a step, steps one by one. */
  losses: number[];
  /** The loss over the first rows before training. */
  initialLoss: number;
  /** Steps after which weights-N.f32 was written; 0: before training. */
  snapshots: number[];
  /** The steps done when the epoch was trained in one go, and its losses; null when it was not. */
  epoch: { losses: number[]; loss: number } | null;
}

/** One training, as it was traced. */
export interface Trace {
  ranOn: string;
  losses: readonly number[];
  initialLoss: number;
  snapshots: ReadonlyMap<number, Snapshot>;
  epochLoss: number | null;
  /** The optimiser's state after the first step, by weight and slot; empty where it was not kept. */
  slots: Snapshot;
  /** The first step whose loss was another when the epoch was trained in one go; null when none. */
  unrepeated: number | null;
  /** By weight: how far rounding may have taken it in the first step, {@link roundingOf}; empty where slots were not kept. */
  rounding: ReadonlyMap<string, number>;
}

export const TRACE_FILE = 'trace.json';
export const SLOTS_FILE = 'slots-1.f32';
export const weightsFile = (step: number): string => `weights-${step}.f32`;

export interface Sized {
  name: string;
  size: number;
}

/** What the files hold, in their order. */
export interface Contents {
  weights: readonly Sized[];
  /** Of SLOTS_FILE. */
  slots: readonly Sized[];
  optimizer: TrainPlan['optimizer'];
  /** Names of weights, {@link takenAway}, that are read and not compared. */
  notCompared: ReadonlySet<string>;
}

export function readTrace(folder: string, contents: Contents): Trace {
  const { weights, slots, optimizer, notCompared } = contents;
  const file: TraceFile = JSON.parse(readFileSync(join(folder, TRACE_FILE), 'utf8'));
  const whole = file.epoch?.losses ?? [];
  const differs = file.losses.findIndex((loss, i) => i < whole.length && loss !== whole[i]);
  const snapshots = new Map(
    file.snapshots.map((step) => [
      step,
      without(notCompared, split(join(folder, weightsFile(step)), weights)),
    ]),
  );
  const kept = existsSync(join(folder, SLOTS_FILE))
    ? without(notCompared, split(join(folder, SLOTS_FILE), slots))
    : new Map();
  return {
    ranOn: file.ranOn,
    // Steps one by one as far as they were traced, then those of the epoch in one go.
    losses: [...file.losses, ...whole.slice(file.losses.length)],
    initialLoss: file.initialLoss,
    snapshots,
    epochLoss: file.epoch?.loss ?? null,
    slots: kept,
    unrepeated: differs < 0 ? null : differs + 1,
    rounding: roundingOf({ snapshots, slots: kept }, optimizer),
  };
}

/** @param snapshot by weight, or as 'm of dense/bias' */
function without(names: ReadonlySet<string>, snapshot: Snapshot): Snapshot {
  return new Map([...snapshot].filter(([name]) => !names.has(name.replace(/^.* of /, ''))));
}

function split(file: string, parts: readonly Sized[]): Snapshot {
  const bytes = readFileSync(file);
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  let at = 0;
  return new Map(
    parts.map(({ name, size }) => {
      const values = all.subarray(at, at + size);
      at += size;
      return [name, values];
    }),
  );
}
