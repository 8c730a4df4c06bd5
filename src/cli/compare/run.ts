/** A finished run, as it is compared. */
import { basename, join } from 'node:path';
import { FusorError } from '../../errors';
import { readText } from '../../io/read-text';
import { readStepLosses } from '../../io/step-losses';
import { ioError, systemCode } from '../../io/system-error';
import type { RunDocument } from '../train/document';
import type { environmentOf } from '../train/environment';

export interface ComparedRun {
  name: string;
  path: string;
  document: RunDocument;
  environment: Partial<ReturnType<typeof environmentOf>>;
  stepLosses: Float32Array | null;
  /** Median over the epochs. */
  epochSeconds: number;
  /** null in runs of older versions. */
  peakBytes: number | null;
  startupSeconds: number | null;
}

/** @throws ERR_FILE_FORMAT where there is no finished run, ERR_IO */
export function readRun(path: string, name = basename(path)): ComparedRun {
  const document = readJson(path, 'run.json') as RunDocument;
  if (document?.schema !== 'fusor.run' || document.version !== 1 || !Array.isArray(document.history))
    throw new FusorError('ERR_FILE_FORMAT', ['not the result of a run', join(path, 'run.json')], { path });
  const seconds = document.history.map((epoch) => epoch.seconds).sort((a, b) => a - b);
  return {
    name,
    path,
    document,
    environment: readJson(path, 'environment.json') as ComparedRun['environment'],
    stepLosses: readStepLosses(path),
    epochSeconds: seconds[Math.floor(seconds.length / 2)] ?? 0,
    peakBytes: document.memory?.peakBytes ?? null,
    startupSeconds: document.timing.startupSeconds ?? null,
  };
}

function readJson(folder: string, name: string): unknown {
  const file = join(folder, name);
  try {
    return JSON.parse(readText(file));
  } catch (error) {
    const details = { file };
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR')
      throw new FusorError(
        'ERR_FILE_FORMAT',
        ['no finished run', folder, `there is no ${name} in it`],
        details,
      );
    if (systemCode(error)) throw ioError(error, 'read', file);
    throw new FusorError('ERR_FILE_FORMAT', ['not JSON', file, 'the file is damaged'], details);
  }
}
