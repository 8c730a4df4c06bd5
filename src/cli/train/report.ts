/** What a person sees at the end of a training run. */
import { decimals } from '../../report/number';
import { APART, type EpochRecord, spaced, valueIn } from '../../runs/epoch-records';
import { table } from '../output';
import type { Fallback, RunDocument } from './document';

/** One row an epoch, counted from 1; columns without values are left out. */
export function historyTable(epochs: readonly EpochRecord[]): string {
  const keys = Object.keys(epochs[0]).filter(
    (key) => !APART.includes(key) && epochs.some((record) => valueIn(record, key) !== null),
  );
  const head = ['epoch', ...keys.map(spaced), 'seconds'];
  const rows = epochs.map((record) => [
    String(record.epoch + 1),
    ...keys.map((key) => shown(key, valueIn(record, key))),
    record.seconds.toFixed(2),
  ]);
  return table(
    head,
    rows,
    head.map((_, i) => i),
  );
}

function shown(key: string, value: number | null): string {
  if (value === null) return '';
  return key === 'learningRate' ? value.toExponential(2) : decimals(value);
}

function fallbackLine({ from, to, reason, step }: Fallback): string {
  if (from === to) return `once more on ${to} from step ${step} on: ${reason}`;
  return `${step > 0 ? `from step ${step} on ` : ''}not on ${from}: ${reason}`;
}

/** '' where training was not ended. */
export function stoppedLine({ stoppedEpoch, bestEpoch }: NonNullable<RunDocument['earlyStopping']>): string {
  if (stoppedEpoch === null) return '';
  const best = bestEpoch === null ? '' : `: the model is that of epoch ${bestEpoch + 1}, the best`;
  return `ended early, after epoch ${stoppedEpoch + 1}${best}`;
}

/** Of values: how far off. */
function errorsOf({ loss: _, accuracy: __, ...metrics }: RunDocument['test']): string {
  return Object.entries(metrics)
    .map(([name, value]) => ` · test ${name} ${decimals(value ?? Number.NaN)}`)
    .join('');
}

/** @param brief without the epochs and their curves */
export async function runText(document: RunDocument, ranOn: string, brief: boolean): Promise<string> {
  const { history, test, runDir, timing } = document;
  const accuracy =
    test.accuracy === null ? errorsOf(test) : ` · test accuracy ${(100 * test.accuracy).toFixed(2)} %`;
  const lines = [
    `test loss ${decimals(test.loss)}${accuracy}`,
    `ran on ${ranOn}`,
    ...document.fallback.map(fallbackLine),
    `${timing.steps} steps in ${timing.fitSeconds.toFixed(2)} s, ${timing.stepMicroseconds.toFixed(1)} µs a step, seed ${document.seed}`,
    document.earlyStopping && stoppedLine(document.earlyStopping),
    `run folder ${runDir}`,
  ].filter(Boolean);
  if (brief) return lines.join('\n');
  // Loaded where it draws: it is large.
  const { curvesOf } = await import('../pictures/terminal.js');
  const curves = curvesOf({ epochs: history, stepLosses: null }, ['loss', 'accuracy', 'metrics']);
  const parts = [historyTable(history), curves, lines.join('\n')];
  return `\n${parts.filter(Boolean).join('\n\n')}`;
}
