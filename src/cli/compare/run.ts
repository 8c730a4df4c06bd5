/** A finished run, as it is compared. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { median } from '../../bench/statistics';
import { FusorError } from '../../errors';
import { readJson } from '../../files/read-json';
import { readEpochs } from '../../runs/epoch-records';
import { CONFIG_FILE, ENVIRONMENT_FILE, RESULT_FILE } from '../../runs/run-folder';
import { readStepLosses } from '../../runs/step-losses';
import type { PlottedRun } from '../pictures/curves';
import type { RunDocument } from '../train/document';
import type { environmentOf } from '../train/environment';

export interface ComparedRun {
  name: string;
  path: string;
  document: RunDocument;
  environment: Partial<ReturnType<typeof environmentOf>>;
  /** What it was asked for, as far as that is kept. */
  config: { batchSize?: number; optimizer?: string; learningRate?: number };
  stepLosses: Float32Array | null;
  /** Median over the epochs. */
  epochSeconds: number;
  /** null in runs of older versions. */
  peakBytes: number | null;
  startupSeconds: number | null;
}

/** @throws ERR_FILE_FORMAT where there is no finished run, ERR_IO */
export function readRun(path: string, name = basename(path)): ComparedRun {
  const document = recordOf(path, RESULT_FILE) as RunDocument;
  if (document?.schema !== 'fusor.run' || document.version !== 1 || !Array.isArray(document.history))
    throw new FusorError('ERR_FILE_FORMAT', ['not the result of a run', join(path, RESULT_FILE)], { path });
  return {
    name,
    path,
    document,
    environment: recordOf(path, ENVIRONMENT_FILE) as ComparedRun['environment'],
    config: Object(readJson(join(path, CONFIG_FILE))),
    stepLosses: readStepLosses(path, document.timing.steps),
    epochSeconds: median(document.history.map(({ seconds }) => seconds)) ?? 0,
    peakBytes: document.memory?.peakBytes ?? null,
    startupSeconds: document.timing.startupSeconds ?? null,
  };
}

/** What of a run may be drawn: also of one that still trains, or was interrupted. @throws ERR_FILE_FORMAT, ERR_IO */
export function readPlotted(path: string): PlottedRun & { hasEnded: boolean } {
  if (!existsSync(join(path, RESULT_FILE))) {
    const epochs = readEpochs(path);
    if (epochs.length > 0) return { name: basename(path), epochs, stepLosses: null, hasEnded: false };
  }
  const { name, document, stepLosses } = readRun(path);
  return { name, epochs: document.history, stepLosses, hasEnded: true };
}

function recordOf(folder: string, name: string): unknown {
  const file = join(folder, name);
  const record = readJson(file);
  if (record !== undefined) return record;
  if (!existsSync(folder))
    throw new FusorError('ERR_FILE_FORMAT', ['no such run folder', folder, 'check the path'], { file });
  const isRun = existsSync(join(folder, CONFIG_FILE));
  const mend = isRun
    ? 'npx fusor train --resume goes on with it, plot draws the epochs that it has done'
    : 'name the folder of a run';
  const what = ['no finished run', folder, `there is no ${name} in it: ${mend}`] as const;
  throw new FusorError('ERR_FILE_FORMAT', what, { file });
}
